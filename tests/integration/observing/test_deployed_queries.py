"""Alerts and dashboards ask for what there is, in words that Prometheus understands, and each alert speaks when it
should and is silent when it should be.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gameserver_agent import observing
from metering import Metric
from orchestrator.observing import table

ROOT = Path(__file__).parents[3]
PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
PROMTOOL = ROOT / ".tools" / "bin" / "promtool"
METRICS = {metric.name: metric for metric in (*table.TABLE, *observing.TABLE)}
EVERYWHERE = {"job", "instance", "le", "alertname", "alertstate"}
PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"}


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text())["panels"]


def expressions() -> Iterator[tuple[str, str]]:
    """Where each stands, and the expression as Prometheus gets it."""
    for rule in alerts():
        yield str(rule["alert"]), str(rule["expr"])
    for path in DASHBOARDS:
        for panel in panels(path):
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']}", target["expr"].replace("$__rate_interval", "5m")


EXPRESSIONS = list(expressions())


def metric_of(name: str) -> Metric | None:
    return METRICS.get(name) or METRICS.get(re.sub(r"_(bucket|count|sum)$", "", name))


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=[where for where, _ in EXPRESSIONS])
def test_names_labels_and_values_are_those_of_the_tables(where: str, expression: str) -> None:
    names = re.findall(r"\b(?:playhouse|process)_[a-z_]+", expression)
    assert all(metric_of(name) or name in PROCESS for name in names), names
    for name, selector in re.findall(r"\b(playhouse_[a-z_]+)\{([^}]*)\}", expression):
        metric = metric_of(name)
        assert metric is not None
        for label, how, value in re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"', selector):
            assert label in {*metric.labels, *EVERYWHERE}
            allowed = metric.labels.get(label, ())
            if allowed:
                assert set(value.split("|") if "~" in how else [value]) <= set(allowed), (label, value)
            if label == "le":
                assert float(value) in metric.buckets
    known = {label for name in names for label in (metric_of(name) or METRICS[table.SESSIONS.name]).labels}
    for grouped in re.findall(r"\bby \(([^)]*)\)", expression):
        assert {label.strip() for label in grouped.split(",")} <= known | EVERYWHERE


def test_prometheus_understands_every_expression(tmp_path: Path) -> None:
    rules = [
        {"record": f"asked:{number}".replace(":", "_"), "expr": expression}
        for number, (_, expression) in enumerate(EXPRESSIONS)
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}))
    checked = subprocess.run([PROMTOOL, "check", "rules", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    "order",
    [
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts.test.yml"),
        ("check", "config", "--syntax-only", "prometheus.yml"),
    ],
    ids=["rules", "tests of rules", "configuration"],
)
def test_what_is_deployed_passes_prometheus_own_checks(order: tuple[str, ...]) -> None:
    checked = subprocess.run([PROMTOOL, *order], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_each_alert_is_tested_calm_and_in_trouble_and_says_what_to_do() -> None:
    tests = yaml.safe_load((PROMETHEUS / "alerts.test.yml").read_text())["tests"]
    names = [str(rule["alert"]) for rule in alerts()]
    assert [test["name"] for test in tests] == [f"{name}, {how}" for name in names for how in ("calm", "trouble")]
    for rule in alerts():
        assert rule["annotations"]["summary"]
        assert len(rule["annotations"]["runbook"]) > 40


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_whole(path: Path) -> None:
    board = json.loads(path.read_text())
    assert board["uid"] == path.stem
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert panel["title"]
        assert place["x"] + place["w"] <= 24
        assert panel["datasource"]["uid"] == "playhouse"
