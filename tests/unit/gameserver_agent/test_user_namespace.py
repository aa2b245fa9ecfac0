"""Whom a seat's uid is inside an engine with user namespaces."""

import pytest

from gameserver_agent.errors import EngineError
from gameserver_agent.runtime.user_namespace import UserNamespace, user_namespace


def test_an_engine_says_where_its_uids_begin() -> None:
    remapped = {"SecurityOptions": ["name=seccomp,profile=default", "name=userns"], "DockerRootDir": "/d/200000.300000"}
    assert user_namespace(remapped) == UserNamespace(200_000, 300_000)
    assert user_namespace({**remapped, "SecurityOptions": ["name=seccomp,profile=default"]}) is None
    assert user_namespace({**remapped, "SecurityOptions": None}) is None
    assert user_namespace({**remapped, "DockerRootDir": "/home/ada/.local/share/docker"}) is None
    assert user_namespace({}) is None


def test_a_game_is_its_seats_uid_to_the_host() -> None:
    assert UserNamespace(200_000, 200_000).inside("210001:210002") == "10001:10002"


@pytest.mark.parametrize("first", [100_000, 210_001, 300_000])
def test_a_seat_whose_uid_the_engine_has_not_is_told_what_to_do(first: int) -> None:
    with pytest.raises(EngineError, match="/etc/subuid"):
        UserNamespace(first, 200_000).inside("210001:210001")
    with pytest.raises(EngineError, match="/etc/subuid"):
        UserNamespace(200_000, first).inside("210001:210001")
