"""Addresses: what is said when a port is taken, where browsers are sent, which addresses carry the picture."""

import socket

import pytest

from orchestrator.embedded.address import Address, require_free
from orchestrator.embedded.errors import PortTaken


def test_a_taken_port_is_named_with_the_command_that_works() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        with pytest.raises(PortTaken) as raised:
            require_free(Address("127.0.0.1", port))
    message = str(raised.value)
    assert f"Port {port} on 127.0.0.1 is taken" in message
    suggested = int(message.rpartition("PORT=")[2])
    assert suggested > port
    require_free(Address("127.0.0.1", suggested))


def test_an_address_of_another_machine_is_refused_with_what_to_change() -> None:
    with pytest.raises(PortTaken, match="BIND="):
        require_free(Address("192.0.2.7", 18090))


def test_a_port_that_was_in_use_a_moment_ago_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()
    require_free(Address("127.0.0.1", port))


@pytest.mark.parametrize(
    ("host", "lan", "public", "local"),
    [
        ("127.0.0.1", None, "http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("0.0.0.0", "192.168.1.5", "http://192.168.1.5:8000", "http://127.0.0.1:8000"),
        ("0.0.0.0", None, "http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("192.168.1.5", None, "http://192.168.1.5:8000", "http://192.168.1.5:8000"),
        ("::1", None, "http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_browsers_are_sent_where_they_can_reach_us(host: str, lan: str | None, public: str, local: str) -> None:
    address = Address(host, 8000)
    assert address.public_url(lan) == public
    assert address.local_url == local


def test_the_picture_goes_by_every_address_unless_one_was_chosen() -> None:
    assert Address("127.0.0.1", 8000).ice_addresses == ()
    assert Address("0.0.0.0", 8000).ice_addresses == ()
    assert Address("192.168.1.5", 8000).ice_addresses == ("192.168.1.5", "127.0.0.1")
