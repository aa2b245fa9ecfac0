"""Whatever is wrong around a replica is named once, with what mends it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from diagnosis import Level
from orchestrator.doctor.rules import DatabaseFacts, Facts, findings

DATABASE = DatabaseFacts("postgresql://db", revision="0025", head="0025", is_current=True, ready_hosts=2)
WELL = Facts(
    data="/srv",
    data_trouble="",
    disk_free_bytes=50,
    disk_total_bytes=100,
    database=DATABASE,
    store="s3://saves",
    store_trouble="",
    public_url="https://play.example",
    public_status=200,
    public_trouble="",
    certificate_days=60,
    registry="registry:5000",
    registry_url="http://registry:5000/v2/",
    registry_status=401,
    engine="27.1",
    stockfish="/usr/games/stockfish",
    relays=(("turn:turn.example", ""),),
    mail="mail:465",
)


def test_where_all_is_well_nothing_needs_mending() -> None:
    found = findings(WELL)
    assert {finding.level for finding in found} == {Level.OK}
    assert not any(finding.mend for finding in found)
    assert "2 are ready." in {finding.says for finding in found}
    alone = findings(replace(WELL, database=replace(DATABASE, ready_hosts=1)))
    assert "1 is ready." in {finding.says for finding in alone}
    assert {finding.subject for finding in found} >= {"database", "migrations", "store of saves", "relay", "mail"}


@pytest.mark.parametrize(
    ("change", "level", "subject", "mend"),
    [
        ({"data_trouble": "/srv is not ours to write"}, "broken", "data folder", "as the replica's user"),
        ({"disk_free_bytes": 1}, "broken", "data folder", "du -xh"),
        ({"database": replace(DATABASE, trouble="connection refused")}, "broken", "database", "DATABASE_URL"),
        ({"database": replace(DATABASE, is_current=False)}, "broken", "migrations", "orchestrator migrate"),
        ({"database": replace(DATABASE, is_current=False, revision=None)}, "broken", "migrations", "migrate"),
        ({"database": replace(DATABASE, skew=timedelta(minutes=2))}, "broken", "clock", "timedatectl"),
        ({"database": replace(DATABASE, ready_hosts=0)}, "hint", "hosts", "hosts token"),
        ({"store_trouble": "AccessDenied"}, "broken", "store of saves", "saves-in-s3.md"),
        ({"public_status": None, "public_trouble": "refused"}, "hint", "public URL", "orchestrator serve"),
        ({"public_status": None, "is_public_distrusted": True}, "broken", "public URL", "orchestrator serve"),
        ({"public_status": 502}, "broken", "public URL", "orchestrator serve"),
        ({"public_url": "http://play.example", "certificate_days": None}, "hint", "public URL", "TLS"),
        ({"certificate_days": 1}, "broken", "certificate", "Renew"),
        ({"registry_status": None, "registry_trouble": "refused"}, "broken", "registry", "registry.md"),
        ({"engine": None, "engine_trouble": "no such file"}, "hint", "engine", "docker"),
        ({"relays": (("turn:turn.example", "nothing came"),)}, "broken", "relay", "coturn"),
        ({"mail": None}, "hint", "mail", "SMTP_URL"),
        ({"mail_trouble": "refused"}, "broken", "mail", "SMTP_URL"),
        ({"stockfish": None}, "hint", "stockfish", "apt-get install stockfish"),
    ],
)
def test_each_trouble_is_named_with_what_mends_it(change: dict[str, Any], level: str, subject: str, mend: str) -> None:
    bad = [finding for finding in findings(replace(WELL, **change)) if finding.level is not Level.OK]
    assert [(finding.level, finding.subject) for finding in bad] == [(level, subject)]
    assert mend in bad[0].mend


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://[::1]:8000", "http://localhost"])
def test_this_machine_needs_no_tls(url: str) -> None:
    found = findings(replace(WELL, public_url=url, certificate_days=None, registry=None))
    assert {finding.level for finding in found} == {Level.OK}
