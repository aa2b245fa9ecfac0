"""What `make audit` says: a hole by its name, and never that all is well when nobody was asked."""

from typing import Any

from deploy.audit import verdict

FINE: dict[str, Any] = {"name": "yarl", "version": "1.25.1", "vulns": []}
UNKNOWN: dict[str, Any] = {"name": "six", "skip_reason": "Dependency not found on PyPI"}
BROKEN: dict[str, Any] = {
    "name": "jinja2",
    "version": "2.4.1",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.7.3", "2.8"]}, {"id": "PYSEC-2", "fix_versions": []}],
}


def test_a_hole_is_named_with_what_mends_it() -> None:
    status, text = verdict([FINE, UNKNOWN, BROKEN])
    assert status == 1
    assert "2 of 3 packages were asked about" in text
    assert "jinja2 2.4.1: PYSEC-1, mended by 2.7.3, 2.8" in text
    assert "PYSEC-2, mended by nothing yet" in text


def test_all_is_well_of_those_that_were_asked_about_alone() -> None:
    assert verdict([FINE, UNKNOWN]) == (
        0,
        "audit: 1 of 2 packages were asked about.\nNone of them is known to be broken.",
    )
    status, text = verdict([UNKNOWN, UNKNOWN])
    assert status == 2
    assert "none of 2 packages could be asked about" in text
    assert "known to be broken" not in text
