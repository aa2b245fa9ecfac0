"""A row of a table of metrics. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

OTHER = "other"
TIMES_S = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, eq=False, slots=True)
class Metric:
    """`name` as Prometheus shows it: a counter's ends in `_total`, and a unit is in it. `labels` says what each label
    may say; where that is empty, whoever makes the meter knows it. `buckets` are a histogram's upper bounds.
    """

    name: str
    kind: Kind
    meaning: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    buckets: tuple[float, ...] = TIMES_S
