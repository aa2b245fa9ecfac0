"""What failed beside other jobs is a mistake until it has passed alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import again
from tests.again import MOST, Run, mistakes, verdict

GOOD = Run(0, frozenset())


def failed(*names: str, code: int = 1) -> Run:
    return Run(code, frozenset(names))


def test_a_run_without_a_failure_has_nothing_to_say() -> None:
    assert mistakes({"a": GOOD, "b": GOOD}) == []
    assert verdict({"a": GOOD, "b": GOOD}, {}) == ([], [])


@pytest.mark.parametrize(
    "run", [Run(None, frozenset()), failed(), failed(code=2), failed("x", code=2), failed(code=137)]
)
def test_a_job_that_broke_without_naming_tests_is_a_mistake(run: Run) -> None:
    assert "b broke" in mistakes({"a": GOOD, "b": run})[0]


def test_many_failures_are_a_mistake_however_they_are_spread() -> None:
    few, more = failed(*map(str, range(MOST - 1))), failed("x", "y")
    assert mistakes({"a": few, "b": failed("x")}) == []
    assert len(mistakes({"a": few, "b": more})) == 1


def test_what_passes_alone_is_flaky_and_what_fails_again_is_a_mistake() -> None:
    before = {"a": failed("1", "2"), "b": failed("3")}
    assert verdict(before, {"a": GOOD, "b": GOOD}) == (["1", "2", "3"], [])
    assert verdict(before, {"a": failed("2"), "b": GOOD}) == (["1", "3"], ["2"])


@pytest.mark.parametrize("run", [Run(None, frozenset()), failed(), failed(code=5), failed("1", code=0)])
def test_what_could_not_be_run_again_is_a_mistake(run: Run) -> None:
    _, mistaken = verdict({"a": failed("1")}, {"a": run})
    assert mistaken


def test_what_pytest_remembers_of_a_run_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(again, "RUNS", tmp_path)
    file = tmp_path / "test_it.py"
    file.write_text("def test_good(): pass\ndef test_bad(): assert False\n")
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # they take long to come
    job, alone = tmp_path / "job", ("--last-failed", "--last-failed-no-failures", "none")
    for text, more, seen in (
        (None, (), failed("test_it.py::test_bad")),
        (None, alone, failed("test_it.py::test_bad")),
        ("def test_bad(): pass\n", alone, GOOD),
        ("1 / 0", (), Run(2, frozenset({"test_it.py"}))),
    ):
        if text is not None:
            file.write_text(text)
        words = [sys.executable, "-m", "pytest", "-q", "-o", f"cache_dir={job}", *more, file]
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, check=False)
        (job / "code").write_text(str(done.returncode))
        assert again.read(["job"]) == {"job": seen}
    assert mistakes(again.read(["job"]))
