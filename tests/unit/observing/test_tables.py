"""Names are promises: what docs/metrics.md lists is what there is, word for word."""

import re
from math import prod
from pathlib import Path

import pytest

from gameserver_agent import observing
from metering import Kind, Metric
from orchestrator.observing import table

DOCUMENT = Path(__file__).parents[3] / "docs" / "metrics.md"
TABLES = {"replica": table.TABLE, "agent": observing.TABLE}
ROUTE = "each route"


def row_of(metric: Metric) -> str:
    """A metric as the document writes it."""
    labels = "; ".join(
        f"`{name}`: {', '.join(f'`{value}`' for value in values) or ROUTE}" for name, values in metric.labels.items()
    )
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.meaning} |"


@pytest.mark.parametrize("whose", TABLES)
def test_the_document_lists_what_there_is(whose: str) -> None:
    prefix = {"replica": r"playhouse_(?!agent_)", "agent": "playhouse_agent_"}[whose]
    listed = re.findall(rf"^\| `{prefix}.*$", DOCUMENT.read_text(), re.MULTILINE)
    assert listed == [row_of(metric) for metric in TABLES[whose]]


@pytest.mark.parametrize("metric", [each for rows in TABLES.values() for each in rows], ids=lambda metric: metric.name)
def test_a_name_says_what_it_is(metric: Metric) -> None:
    assert re.fullmatch(r"playhouse_[a-z0-9_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    if metric.kind is Kind.HISTOGRAM:
        assert metric.name.endswith(("_seconds", "_ratio", "_bps", "_fps"))
        assert list(metric.buckets) == sorted(set(metric.buckets))
    assert prod(len(values) or 200 for values in metric.labels.values()) <= 1200
    assert not {"id", "session", "host", "owner", "account", "tenant", "user"} & set(metric.labels)


def test_no_name_is_used_twice() -> None:
    names = [metric.name for rows in TABLES.values() for metric in rows]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("was_there", "expected"), [(True, "there"), (False, "fetched"), (None, "unknown")])
def test_an_image_was_there_or_not(was_there: bool | None, expected: str) -> None:
    assert table.image_label(was_there) == expected
