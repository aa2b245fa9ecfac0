"""The documents as a site: built strictly, so a broken link fails here as it does with `make docs`."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench import report
from bench.report import RESULTS, figure, page, verdict

HOUSE = Path(__file__).parents[2]


def built(source: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """As `make docs` does it."""
    words = ("-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "--conf-dir", str(source / "docs/site"))
    return subprocess.run((sys.executable, *words, str(source), str(site)), capture_output=True, text=True, check=False)


@pytest.mark.timeout(300)
def test_every_document_is_in_the_site_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    done = built(HOUSE, tmp_path / "site")
    assert done.returncode == 0, done.stderr
    assert "docs/README.html" in (tmp_path / "site/index.html").read_text()
    front = (tmp_path / "site/docs/README.html").read_text()
    for guide in ("player", "publisher", "tenant", "host-operator", "operator"):
        assert f'href="guides/{guide}.html"' in front
    assert "<svg" in "".join(drawing.read_text() for drawing in (tmp_path / "site/_images").glob("*.svg"))


@pytest.mark.timeout(300)
def test_a_broken_link_a_lost_page_and_a_drawing_that_nobody_drew_fail(tmp_path: Path) -> None:
    house = tmp_path / "house"
    for name in ("docs/site", "docs/images/drawings"):
        shutil.copytree(HOUSE / name, house / name)
    for name in ("pyproject.toml", "orchestrator/web/static/img/favicon.svg"):
        (house / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(HOUSE / name, house / name)
    (house / "docs/README.md").write_text(
        "# Playhouse\n\n[there](guides/player.md#nowhere) and [away](gone.md)\n\n```mermaid\nflowchart LR\n```\n"
    )
    (house / "docs/guides").mkdir()
    (house / "docs/guides/player.md").write_text("# Playing\n")
    (house / "docs/lost.md").write_text("# Lost\n")
    done = built(house, tmp_path / "site")
    assert done.returncode != 0
    for fault in ("'nowhere'", "'gone.md'", "docs/lost.md: WARNING: document isn't included", "make drawings"):
        assert fault in done.stderr


def test_every_benchmark_of_the_makefile_is_told_of() -> None:
    targets = re.findall(r"^([a-z-]+):.*## (.*)$", (HOUSE / "Makefile").read_text(), re.MULTILINE)
    benches = {name for name, about in targets if name.startswith("bench-") or "bench/results/" in about}
    assert benches, "the Makefile says which they are"
    text = report.PAGE.read_text()
    assert {name for name in benches if f"`make {name}`" not in text} == set()
    assert {each.target.partition(" ")[0] for each in report.told()[1]} <= {name for name, _ in targets}


def test_the_page_of_benchmarks_is_what_the_files_say() -> None:
    assert report.PAGE.read_text() == page(*report.told(), RESULTS), "`python -m bench.report` writes it anew"
    kept = {file.stem for file in RESULTS.glob("*.json")}
    assert kept <= {each.name for each in report.told()[1]}


def test_what_capacity_calls_measured_are_rows_of_the_files() -> None:
    rows = {row["name"] for file in RESULTS.glob("*.json") for row in json.loads(file.read_text())["rows"]}
    named = set(re.findall(r"`([a-z][a-z0-9]*(?:_[a-z0-9]+)+)`", (HOUSE / "docs/capacity.md").read_text()))
    assert {"status_cpu_us_postgres", "keepalive_cpu_us_postgres"} <= named, "what pages ask all the time"
    assert named <= rows


def test_a_goal_is_met_at_its_bound_and_missed_beyond() -> None:
    assert verdict(3.0, "<= 3") is True
    assert verdict(3.1, "<= 3") is False
    assert verdict(59.5, ">= 59.5") is True
    assert verdict(59.4, ">= 59.5") is False
    assert verdict(0.51, "> 0.5") is True
    assert verdict(0.5, "> 0.5") is False
    assert verdict(0, "0") is True
    assert verdict(1, "0") is False
    assert verdict(9.8, "or >= 15") is None


def test_figures_keep_what_counts() -> None:
    assert figure(3651.828, "1/s") == "3,652 /s"
    assert figure(0.264, "ms") == "0.264 ms"
    assert figure(200.0, "") == "200"
