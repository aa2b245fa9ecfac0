"""Which addresses are public and which URLs can be targets, whatever way they are written."""

from ipaddress import ip_address, ip_network

import pytest

from orchestrator.outside.reach import Reach, UnfitUrl, address_in, is_public

PUBLIC = ["8.8.8.8", "203.0.114.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
NOT_PUBLIC = [
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1"),
    *("192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1"),
    *("2001:db8::1", "3fff::1", "5f00::1", "100::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::", "2001:20::1"),
]
EVERYWHERE = Reach()
INSIDE = Reach([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_no_other_address_is_public_by_any_name(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example",
        "https://hooks.example/bg?key=1",
        "https://HOOKS.Example.:8443/",
        "https://under_score.hooks.example/",
        "https://例え.jp/x",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]:443/",
        "https://hooks.example:80/",
        "https://x1.0x.example/",
    ],
)
def test_targets(url: str) -> None:
    assert EVERYWHERE.target(url).scheme == "https"


@pytest.mark.parametrize(
    ("url", "because"),
    [
        ("hooks.example", "begins with https"),
        ("http://hooks.example/", "begins with https"),
        ("ftp://hooks.example/", "begins with https"),
        ("file:///etc/passwd", "begins with https"),
        ("https://hooks.example:99999/", "no URL"),
        ("https://a\\@hooks.example/", "no URL"),
        ("https://hooks example/", "no spaces"),
        ("https://hooks.example/\n", "no spaces"),
        ("https://hooks.example/" + 2000 * "a", "at most 2000"),
        ("https://ada:secret@hooks.example/", "no password"),
        ("https://:secret@hooks.example/", "no password"),
        ("https://hooks.example/#part", "no fragment"),
        ("https://hooks.example:25/", "port"),
        ("https://hooks.example:0/", "port"),
        ("https://", "names a host"),
        ("https:///path", "names a host"),
        ("https://-hooks.example/", "names a host"),
        ("https://hooks..example/", "names a host"),
        ("https://" + "a." * 127 + "example/", "names a host"),
        # An IPv4 address as resolvers read it, and people do not.
        ("https://2130706433/", "usual form"),
        ("https://0x7f000001/", "usual form"),
        ("https://0x7f.1/", "usual form"),
        ("https://127.1/", "usual form"),
        ("https://0177.0.0.1/", "usual form"),
        ("https://127.0.0.0x1/", "usual form"),
        ("https://127.0.0.1./", "usual form"),
        ("https://hooks.0x7f./", "usual form"),
        ("https://127.0.0.1/", "private"),
        ("https://\uff11\uff12\uff17.0.0.1/", "private"),  # digits of another width
        ("https://[::1]/", "private"),
        ("https://[::ffff:127.0.0.1]/", "private"),
        ("https://[::ffff:7f00:1]:8000/", "private"),
        ("https://169.254.169.254/latest/meta-data/", "private"),
        ("https://10.1.2.3/", "private"),
    ],
)
def test_what_is_no_target_says_why(url: str, because: str) -> None:
    with pytest.raises(UnfitUrl, match=because):
        EVERYWHERE.target(url)


def test_an_operators_own_networks_can_be_reached_by_http_too_and_nothing_else_by_it() -> None:
    for url in ("http://10.1.2.3:8080/", "https://10.1.2.3/", "http://[fd00::1]/", "http://backend:8080/"):
        assert INSIDE.target(url).host
    for url in ("http://8.8.8.8/", "http://127.0.0.1/", "https://192.168.1.1/"):
        with pytest.raises(UnfitUrl):
            INSIDE.target(url)
    assert INSIDE.includes("https", ip_address("8.8.8.8"))
    assert not INSIDE.includes("http", ip_address("8.8.8.8"))


def test_what_is_public_can_be_reached_by_http_where_that_is_said() -> None:
    either = Reach(public_schemes=("https", "http"))
    for url in ("http://8.8.8.8/", "https://8.8.8.8/", "http://pictures.example/"):
        assert either.target(url).host
    for url in ("http://127.0.0.1/", "http://[::ffff:10.0.0.1]/", "ftp://8.8.8.8/"):
        with pytest.raises(UnfitUrl):
            either.target(url)
    assert either.includes("http", ip_address("8.8.8.8"))
    assert not either.includes("http", ip_address("10.0.0.1"))


def test_an_address_is_one_in_its_usual_form_alone() -> None:
    assert address_in("127.0.0.1") == ip_address("127.0.0.1")
    assert address_in("127.1") is None
    assert address_in("hooks.example") is None
