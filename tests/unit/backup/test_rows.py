"""A row goes and comes back as it was, and one that cannot be is refused."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.backup.errors import BackupRefused
from orchestrator.backup.rows import decode, encode

MOMENT = datetime(2027, 1, 2, 3, 4, 5, 678901, UTC)
KINDS = [str, int, float, bool, datetime, date]


def test_every_kind_of_value_comes_back() -> None:
    row = ['naïve \n "words"', 2**62, 0.1, True, MOMENT, date(2027, 1, 2)]
    assert decode(encode(row), KINDS) == row
    assert decode(encode([None] * 6), KINDS) == [None] * 6
    assert decode(encode(["", 0, 3, False, MOMENT.astimezone(timezone(timedelta(hours=5))), date.min]), KINDS) == [
        *("", 0, 3, False, MOMENT, date.min)
    ]


@given(st.lists(st.one_of(st.none(), st.text())))
def test_any_text_comes_back(texts: list[str | None]) -> None:
    line = encode(texts)
    assert line.count(b"\n") == 1
    assert decode(line, [str] * len(texts)) == texts


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        (b"", [str]),
        (b"{}", []),
        (b"[1", [int]),
        (b'["a"]', [str, str]),
        (b'["a","b"]', [str]),
        (b'["a"]', [int]),
        (b"[1]", [str]),
        (b'["a"]', [float]),
        (b"[1]", [datetime]),
        (b'["soon"]', [datetime]),
        (b'["soon"]', [date]),
        (b'[{"a":1}]', [str]),
        (b"\xff\xfe", [str]),
        (b"[" * 100_000, [str]),
    ],
)
def test_a_row_that_cannot_be_is_refused(line: bytes, kinds: list[type[Any]]) -> None:
    with pytest.raises(BackupRefused, match="row of the backup"):
        decode(line, kinds)
