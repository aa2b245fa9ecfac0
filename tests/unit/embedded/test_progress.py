"""What a file reads of a game that is being made: lines, where a terminal has bars."""

import io

from rich.console import Console

from orchestrator.embedded.game import Lines


def test_a_file_reads_each_step_and_now_and_then_how_far_it_is() -> None:
    written, now_s = io.StringIO(), [0.0]
    with Lines(Console(file=written), "The [b]Question", lambda: now_s[0]) as lines:
        lines.show("lists", 0, 0)
        for second in range(25):
            now_s[0] = float(second)
            lines.show("fetch game", second, 24)
        lines.show("new to this version", 0, 1)
    assert [line.strip() for line in written.getvalue().splitlines()] == [
        "Debian: package lists",
        "The [b]Question: download",
        "The [b]Question: download, 41 %",
        "The [b]Question: download, 83 %",
        "new to this version",
    ]
