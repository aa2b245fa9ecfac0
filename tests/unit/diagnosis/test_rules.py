"""What any machine may lack, and how it is told."""

from datetime import timedelta

import pytest

from diagnosis import (
    Finding,
    Level,
    exit_code,
    of_answer,
    of_certificate,
    of_clock,
    of_disk,
    of_program,
    of_public_url,
    told,
)

GIB = 1024**3


@pytest.mark.parametrize(
    ("free", "total", "level"), [(50, 100, "ok"), (9, 100, "hint"), (2, 100, "broken"), (0, 0, "broken")]
)
def test_a_disk(free: int, total: int, level: str) -> None:
    finding = of_disk("disk", "/srv", free * GIB, total * GIB)
    assert finding.level == level
    assert f"{free}.0 GiB" in finding.says
    assert ("du -xh /srv" in finding.mend) == (level != "ok")


@pytest.mark.parametrize(
    ("seconds", "level", "word"),
    [(0.5, "ok", "agree"), (-6, "hint", "behind"), (6, "hint", "ahead of"), (61, "broken", "ahead of")],
)
def test_a_clock(seconds: float, level: str, word: str) -> None:
    finding = of_clock("clock", "the database's", timedelta(seconds=seconds))
    assert finding.level == level
    assert word in finding.says


@pytest.mark.parametrize(("days", "level"), [(60, "ok"), (21, "ok"), (20, "hint"), (3, "hint"), (2, "broken")])
def test_a_certificate(days: float, level: str) -> None:
    assert of_certificate("https://play.example", days).level == level


@pytest.mark.parametrize(
    ("path", "is_needed", "level"), [("/usr/bin/x", True, "ok"), (None, True, "broken"), (None, False, "hint")]
)
def test_a_program(path: str | None, is_needed: bool, level: str) -> None:
    finding = of_program("x", path, "x-package", why="it is needed", is_needed=is_needed)
    assert (finding.level, finding.mend) == (level, "" if path else "apt-get install x-package")


@pytest.mark.parametrize(
    ("status", "trouble", "level", "word"),
    [(200, "", "ok", "answers"), (502, "", "broken", "502"), (None, "refused", "broken", "refused")],
)
def test_an_answer(status: int | None, trouble: str, level: str, word: str) -> None:
    finding = of_answer("public URL", "http://x", status, trouble, "Start it.", accepted=range(200, 300))
    assert finding.level == level
    assert word in finding.says


@pytest.mark.parametrize(
    ("status", "is_distrusted", "level"),
    [(200, False, "ok"), (502, False, "broken"), (None, False, "hint"), (None, True, "broken")],
)
def test_a_public_url_that_this_machine_cannot_reach_may_be_reached_by_players(
    status: int | None, is_distrusted: bool, level: str
) -> None:
    finding = of_public_url("https://play.example", status, "refused", "Start it.", is_distrusted=is_distrusted)
    assert finding.level == level
    assert finding.mend.endswith("Start it." if level != "ok" else "")


def test_only_what_is_broken_fails_and_what_helps_stands_below() -> None:
    fine, hint = Finding(Level.OK, "a", "Fine."), Finding(Level.HINT, "b", "Well.", "Look.")
    assert exit_code([fine, hint]) == 0
    assert exit_code([fine, hint, Finding(Level.BROKEN, "c", "Bad.", "Mend.")]) == 1
    assert list(told([fine, hint])) == ["ok      a: Fine.", "hint    b: Well.", "        → Look."]
