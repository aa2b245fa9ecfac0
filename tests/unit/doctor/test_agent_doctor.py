"""Whatever is wrong on a game host is named once, with what mends it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from diagnosis import Level
from gameserver_agent.doctor.rules import (
    LIBRARIES,
    OLDEST_ENGINE,
    OLDEST_RUNC,
    PROGRAMS,
    EngineFacts,
    Facts,
    findings,
    is_old,
)

ENGINE = EngineFacts(
    "unix:///var/run/docker.sock",
    version="27.1.1",
    runc="1.1.12",
    free_bytes=50,
    total_bytes=100,
    storage_folder="/var/lib/docker",
)
THERE = tuple((name, f"/usr/bin/{name}") for name in (*PROGRAMS, *LIBRARIES))
WELL = Facts(
    is_root=True,
    engine=ENGINE,
    programs=THERE,
    data="/var/lib/agent",
    data_trouble="",
    runtime="/var/lib/seats",
    runtime_trouble="",
    has_joined=True,
    unsent_saves=0,
    has_loop_devices=True,
    shm_bytes=2**30,
    most_files=65536,
    address="0.0.0.0:9100",
    port_trouble="",
    is_agent_there=False,
    udp_trouble="",
    has_udp_port=True,
    orchestrator_url="https://play.example",
    orchestrator_status=200,
    orchestrator_trouble="",
    skew=timedelta(seconds=1),
    public_url="https://host7.example",
    public_status=200,
    certificate_days=60,
)


def without(name: str) -> tuple[tuple[str, str | None], ...]:
    return tuple((each, None if each == name else path) for each, path in THERE)


def troubles(facts: Facts) -> list[tuple[str, str]]:
    return [(finding.level.value, finding.subject) for finding in findings(facts) if finding.level is not Level.OK]


def test_where_all_is_well_nothing_needs_mending() -> None:
    assert troubles(WELL) == []
    assert not any(finding.mend for finding in findings(WELL))


@pytest.mark.parametrize(
    ("change", "level", "subject", "mend"),
    [
        ({"engine": replace(ENGINE, trouble="no such file")}, "broken", "engine", "systemctl start docker"),
        ({"engine": replace(ENGINE, version="19.3.1")}, "broken", "engine", "apt-get install docker.io"),
        ({"engine": replace(ENGINE, version="20.10.5+dfsg1")}, "broken", "engine", "docs.docker.com/engine/install"),
        ({"engine": replace(ENGINE, runc="1.0.0-rc93")}, "broken", "engine", "runc"),
        ({"engine": replace(ENGINE, has_seccomp=False)}, "broken", "isolation", "SECCOMP"),
        ({"engine": replace(ENGINE, has_cgroup_2=False)}, "hint", "isolation", "unified_cgroup"),
        ({"engine": replace(ENGINE, keeps_games=False)}, "hint", "engine", "live-restore"),
        ({"engine": replace(ENGINE, free_bytes=1)}, "broken", "disk of games", "du -xh"),
        ({"engine": replace(ENGINE, total_bytes=0)}, "hint", "disk of games", "df -h /var/lib/docker"),
        ({"programs": without("Xvfb")}, "broken", "Xvfb", "apt-get install xvfb"),
        ({"programs": without("libyuv.so.0")}, "hint", "libyuv.so.0", "libyuv0"),
        ({"programs": without("mkfs.ext4")}, "broken", "mkfs.ext4", "e2fsprogs"),
        ({"programs": without("mkfs.ext4"), "is_root": False}, "hint", "mkfs.ext4", "e2fsprogs"),
        ({"has_loop_devices": False}, "hint", "kernel", "modprobe loop"),
        ({"shm_bytes": 2**20}, "broken", "kernel", "remount"),
        ({"most_files": 1024}, "hint", "kernel", "ulimit"),
        ({"data_trouble": "not ours"}, "broken", "data folder", "as the agent's user"),
        ({"runtime_trouble": "closed"}, "broken", "seat runtime", "chmod a+x"),
        ({"unsent_saves": 2}, "hint", "saves", "Start the agent"),
        ({"port_trouble": "in use"}, "broken", "port", "ss -ltnp"),
        ({"udp_trouble": "3 of 40000-40191 are taken"}, "hint", "UDP ports", "ss -lunp"),
        ({"udp_trouble": "all are taken", "has_udp_port": False}, "broken", "UDP ports", "--udp-ports"),
        ({"orchestrator_status": 503}, "broken", "orchestrator", "orchestrator doctor"),
        ({"skew": timedelta(seconds=-8)}, "hint", "clock", "timedatectl"),
        ({"has_joined": False}, "hint", "membership", "--token-file"),
        ({"public_status": None, "public_trouble": "refused"}, "hint", "public URL", "firewall"),
        ({"public_status": None, "is_public_distrusted": True}, "broken", "public URL", "firewall"),
        ({"public_status": 502}, "broken", "public URL", "firewall"),
        ({"certificate_days": 2}, "broken", "certificate", "Renew"),
    ],
)
def test_each_trouble_is_named_with_what_mends_it(change: dict[str, Any], level: str, subject: str, mend: str) -> None:
    facts = replace(WELL, **change)
    assert troubles(facts) == [(level, subject)]
    [bad] = [finding for finding in findings(facts) if finding.level is not Level.OK]
    assert mend in bad.mend


@pytest.mark.parametrize(
    "change",
    [
        {"is_agent_there": True, "port_trouble": "in use"},
        {"public_url": None, "public_status": None, "certificate_days": None},
        {"certificate_days": None, "skew": None},
        {"is_root": False, "has_loop_devices": False},
        {"has_joined": None},
    ],
)
def test_what_is_not_asked_for_is_no_trouble(change: dict[str, Any]) -> None:
    assert troubles(replace(WELL, **change)) == []


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        *(("20.10.24+dfsg1", False), ("20.10.10", False), ("27.1.1", False), ("29.0.0-rc.1", False)),
        *(("20.10.9", True), ("20.9.11", True), ("1.13", True), ("", False), ("dev", False), ("20.x", False)),
    ],
)
def test_how_old_an_engine_is(version: str, expected: bool) -> None:
    assert is_old(version, OLDEST_ENGINE) is expected


@pytest.mark.parametrize(("version", "expected"), [("1.0.2", False), ("1.1.5+ds1", False), ("1.0.0-rc93", True)])
def test_how_old_its_runc_is(version: str, expected: bool) -> None:
    assert is_old(version, OLDEST_RUNC) is expected
