from collections import Counter

import pytest

from orchestrator import ids
from orchestrator.ids import new_id


def test_every_letter_of_an_id_is_as_likely_as_any_other() -> None:
    made = [new_id("ses") for _ in range(2000)]
    assert {(each[:3], len(each)) for each in made} == {("ses", 25)}
    assert len(set(made)) == len(made)
    counts = Counter("".join(each[3:] for each in made))
    assert set(counts) == set("0123456789abcdefghijkmnpqrstuvwxyz")
    expected = 22 * len(made) / len(counts)
    assert all(abs(count - expected) < 0.25 * expected for count in counts.values()), counts  # nine sigma


def test_bytes_that_would_favour_some_letters_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([bytes([255] * 40 + [0, 1, 2, 3]), bytes(range(4, 48))])

    def draw(_: int) -> bytes:
        return next(drawn)

    monkeypatch.setattr(ids.secrets, "token_bytes", draw)
    assert new_id("ses") == "ses0123456789abcdefghijkm"
