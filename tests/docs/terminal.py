"""A shell into which the lines of a page are typed, one after the other."""

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Self


class Said(NamedTuple):
    """What a command printed, on both streams, and its exit code."""

    text: str
    code: int


class Terminal:
    """`with`: one bash, which remembers what was set in it. What still runs in it at the end is told to end, and waited
    for.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder, self._environment = folder, environment
        self._own = tempfile.TemporaryDirectory(prefix="terminal-")
        self._script, self._given = Path(self._own.name, "typed"), Path(self._own.name, "given")

    def __enter__(self) -> Self:
        self._shell = subprocess.Popen(
            ["bash"],
            cwd=self._folder,
            env={**self._environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        with self._shell:
            self.types("kill $(jobs -p); wait")
        self._own.cleanup()

    def types(self, command: str, given: str = "") -> Said:
        """What is there on the terminal when it is over; `given` is typed into it."""
        shell, mark = self._shell, f"{self._own.name} ended with "
        assert shell.stdin is not None
        assert shell.stdout is not None
        self._script.write_text(f"{command}\n")
        self._given.write_text(given)
        shell.stdin.write(f'. {self._script} <{self._given}; echo "{mark}$?"\n')
        shell.stdin.flush()
        shown = ""
        for line in shell.stdout:
            before, is_over, code = line.partition(mark)
            shown += before
            if is_over:
                return Said(shown, int(code))
        raise AssertionError(f"the shell ended: {command}\n{shown}")
