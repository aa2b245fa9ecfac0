"""A short fuzz run, the same each time; `make fuzz` looks for longer, guided by what the code does."""

import pytest

from tests.fuzz.mutating import inputs
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_a_stranger_sends_is_read_or_refused(name: str) -> None:
    target = TARGETS[name]
    for data in inputs(target.seeds, target.words, 8, target.rounds):
        try:
            target.run(data)
        except BaseException as error:
            error.add_note(f"{name}: {data!r}"[:4000])
            raise
