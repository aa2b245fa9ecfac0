"""A place in a trace comes back as it was written, and what is none is None."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracing.w3c import Place, read, trace_id_of, written

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(("flags", "is_sampled"), [("01", True), ("00", False), ("03", True)])
def test_the_examples_of_the_standard_are_read(flags: str, is_sampled: bool) -> None:
    assert read(f"00-{TRACE}-{SPAN}-{flags}") == Place(TRACE, SPAN, is_sampled)


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())
def test_what_is_written_is_read(trace: int, span: int, is_sampled: bool) -> None:
    place = Place(f"{trace:032x}", f"{span:016x}", is_sampled)
    assert read(written(place)) == place


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01\n",
        f"01-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
    ],
)
def test_what_is_none_is_none(text: str | None) -> None:
    assert read(text) is None
    assert trace_id_of(text) is None


def test_a_log_names_a_trace_that_is_kept_alone() -> None:
    assert trace_id_of(f"00-{TRACE}-{SPAN}-01") == TRACE
    assert trace_id_of(f"00-{TRACE}-{SPAN}-00") is None
