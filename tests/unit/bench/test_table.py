"""The contenders' figures stand side by side under the names that their rows have."""

from bench.results import Row
from bench.streaming.figures import Clicks
from bench.streaming.latency import rows as click_rows
from bench.streaming.motion import Arrived, InMotion
from bench.streaming.motion import rows as motion_rows
from bench.streaming.table import CONTENDERS, FIGURES, name_of, side_by_side
from bench.streaming.usage import Usage


def measured() -> list[Row]:
    rows = click_rows({name: Clicks((9.0, 10.0)) for name in CONTENDERS})
    motion = InMotion(Usage(20, 4, 3), Arrived(59.9, 60, 7.5, 0, "video/H264"), 80, 50)
    for name in CONTENDERS:
        rows += motion_rows(name, Usage(0.5, 0, 0), motion)
    return rows


def test_every_figure_of_the_table_is_the_name_of_a_row() -> None:
    names = {row.name for row in measured()}
    wanted = {name_of(name, figure) for name in CONTENDERS for figure in FIGURES.values() if "blackbox" not in figure}
    assert wanted <= names


def test_no_two_rows_have_one_name() -> None:
    names = [row.name for row in measured()]
    assert len(names) == len(set(names))


def test_lines_have_one_width_and_a_dash_for_what_was_not_measured() -> None:
    header, *lines = side_by_side(measured())
    assert {len(line) for line in lines} == {len(header)}
    assert [line.split()[0] for line in lines] == list(CONTENDERS)
    assert [line.split()[3] for line in lines] == ["-"] * len(CONTENDERS)
    assert lines[0].split()[1] == "9.5"
