"""`python -m bench.report` writes docs/benchmarks.md anew; so does every benchmark when it has written its own file.

The page is what the files of results say, with the words of `benchmarks.toml`. It decides nothing but whether a goal
was met.
"""

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
RESULTS = ROOT / "bench" / "results"
TOLD = ROOT / "bench" / "benchmarks.toml"


@dataclass(frozen=True)
class Benchmark:
    """One file of results. `shown` are the rows without a goal that are worth a line; those with a goal always are."""

    name: str
    target: str
    title: str
    asks: str
    peers: str
    shown: Sequence[str] = ()


def told() -> tuple[str, list[Benchmark]]:
    """What stands above all benchmarks, and each of them, in the page's order."""
    content = tomllib.loads(TOLD.read_text())
    return content["head"], [Benchmark(**each) for each in content["benchmark"]]


def page(head: str, benchmarks: Sequence[Benchmark], results: Path) -> str:
    """The whole page. A row that `shown` names and the file has not is left out."""
    return "\n".join([head, _overview(benchmarks, results), *(_section(each, results) for each in benchmarks)])


def verdict(value: float, goal: str) -> bool | None:
    """Whether the goal was met: `<= 3`, `>= 1000`, `> 0.5`, or the number itself. None where it is another way to
    meet another row's goal (`or >= 15`).
    """
    how, _, bound = goal.rpartition(" ")
    match how:
        case "<=":
            return value <= float(bound)
        case ">=":
            return value >= float(bound)
        case ">":
            return value > float(bound)
        case "":
            return value == float(bound)
        case _:
            return None


def figure(value: float, unit: str) -> str:
    """With three digits that count."""
    number = f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:.3g}"
    return f"{number} {unit.removeprefix('1')}".strip()


def _overview(benchmarks: Sequence[Benchmark], results: Path) -> str:
    lines = ["| command | goals met | day | file |", "|---|---|---|---|"]
    for each in benchmarks:
        content = _content(each, results)
        if content is None:
            lines.append(f"| [`make {each.target}`](#{_anchor(each.title)}) | | not run yet | |")
            continue
        verdicts = [verdict(row["value"], row["goal"]) for row in content["rows"] if row["goal"]]
        met = f"{verdicts.count(True)} of {len(verdicts) - verdicts.count(None)}"
        file = f"[{each.name}.json](../bench/results/{each.name}.json)"
        lines.append(f"| [`make {each.target}`](#{_anchor(each.title)}) | {met} | {content['date'][:10]} | {file} |")
    return "\n".join(lines) + "\n"


def _section(benchmark: Benchmark, results: Path) -> str:
    lines = [f"## {benchmark.title}", "", benchmark.asks, "", "```sh", f"make {benchmark.target}", "```", ""]
    content = _content(benchmark, results)
    if content is None:
        return "\n".join(
            [*lines, f"Beside us: {benchmark.peers} **No whole run is kept yet**, so there is nothing to show.", ""]
        )
    ran = f"{content['machine']}; {content['date'][:10]}, commit {content['commit']}"
    lines += [
        f"Beside us: {benchmark.peers}",
        "",
        f"Last run: {ran}; all of it in [{benchmark.name}.json](../bench/results/{benchmark.name}.json).",
        "",
    ]
    rows = {row["name"]: row for row in content["rows"]}
    named = [rows[name] for name in benchmark.shown if name in rows]
    lines += ["| | measured | goal | |", "|---|---|---|---|"]
    lines += [_line(row) for row in content["rows"] if row["goal"] or row in named]
    return "\n".join([*lines, ""])


def _line(row: dict[str, Any]) -> str:
    met = {True: "met", False: "**missed**", None: ""}[verdict(row["value"], row["goal"]) if row["goal"] else None]
    return f"| `{row['name']}` | {figure(row['value'], row['unit'])} | {row['goal'] or ''} | {met} |"


def _content(benchmark: Benchmark, results: Path) -> dict[str, Any] | None:
    file = results / f"{benchmark.name}.json"
    return json.loads(file.read_text()) if file.exists() else None


def _anchor(title: str) -> str:
    """As forges make it of a heading."""
    return "".join(letter for letter in title.lower().replace(" ", "-") if letter.isalnum() or letter == "-")


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(*told(), RESULTS))


if __name__ == "__main__":
    main()
