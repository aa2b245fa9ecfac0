"""prometheus-client behind three verbs. Nothing is decided here, and nothing here can fail a request: what a label may
not say counts as `other`.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from types import MappingProxyType

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from metering.table import OTHER, Kind, Metric

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_Child = Counter | Gauge | Histogram
_NOTHING_MORE: Mapping[str, Sequence[str]] = MappingProxyType({})

disable_created_metrics()  # a second series for each, which nobody asks for


class Meter:
    """All of `table`, from zero on. `known` lists what those labels may say that the table leaves open. Safe to use
    from several threads.
    """

    def __init__(self, table: Iterable[Metric], known: Mapping[str, Sequence[str]] = _NOTHING_MORE) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._families: dict[str, _Child] = {}
        self._children: dict[tuple[str, ...], _Child] = {}
        self._allowed: dict[str, Sequence[Mapping[str, None]]] = {}
        ProcessCollector(registry=self._registry)
        for metric in table:
            self._families[metric.name] = _made(metric, self._registry)
            values = (allowed or known[label] for label, allowed in metric.labels.items())
            self._allowed[metric.name] = [dict.fromkeys(each) for each in values]

    def count(self, metric: Metric, amount: float = 1.0, **labels: str) -> None:
        """A counter grows."""
        child = self._child(metric, labels)
        assert isinstance(child, Counter)
        child.inc(amount)

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        """One more measurement of a histogram."""
        child = self._child(metric, labels)
        assert isinstance(child, Histogram)
        child.observe(value)

    def set(self, metric: Metric, value: float, **labels: str) -> None:
        """A gauge stands where it is told."""
        child = self._child(metric, labels)
        assert isinstance(child, Gauge)
        child.set(value)

    def text(self) -> bytes:
        """Everything, in Prometheus' text format (`CONTENT_TYPE`)."""
        for name, allowed in self._allowed.items():
            for values in product(*allowed):
                self._made_child(name, values)
        return generate_latest(self._registry)

    def _child(self, metric: Metric, labels: Mapping[str, str]) -> _Child:
        values = tuple(labels[name] for name in metric.labels)
        child = self._children.get((metric.name, *values))
        if child is None:
            pairs = zip(values, self._allowed[metric.name], strict=True)
            child = self._made_child(
                metric.name, tuple(value if value in allowed else OTHER for value, allowed in pairs)
            )
        return child

    def _made_child(self, name: str, values: tuple[str, ...]) -> _Child:
        child = self._children.get((name, *values))
        if child is None:
            family = self._families[name]
            child = self._children[name, *values] = family.labels(*values) if values else family
        return child


class _Unmetered(Meter):
    """Nobody asks: for what is made without an application around it."""

    def __init__(self) -> None:
        super().__init__(())

    def count(self, metric: Metric, amount: float = 1.0, **labels: str) -> None:
        """Nothing to do."""

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        """Nothing to do."""

    def set(self, metric: Metric, value: float, **labels: str) -> None:
        """Nothing to do."""


def _made(metric: Metric, registry: CollectorRegistry) -> _Child:
    names = tuple(metric.labels)
    if metric.kind is Kind.COUNTER:
        return Counter(metric.name, metric.meaning, names, registry=registry)
    if metric.kind is Kind.GAUGE:
        return Gauge(metric.name, metric.meaning, names, registry=registry)
    return Histogram(metric.name, metric.meaning, names, buckets=metric.buckets, registry=registry)


UNMETERED: Meter = _Unmetered()
