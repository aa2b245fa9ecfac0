"""What a process counts, as Prometheus reads it: a pure table of metrics becomes one `Meter`.

Every set of labels is there from the start, at zero, so that a rate is right from the first scrape. What a label may
say is a closed list: anything else counts as `other`, so that no stranger decides how many series there are. A `Meter`
is a value of its own, with a registry of its own; `UNMETERED` counts nothing.
"""

from metering.access import may_scrape
from metering.meter import CONTENT_TYPE, UNMETERED, Meter
from metering.table import OTHER, TIMES_S, Kind, Metric

__all__ = ["CONTENT_TYPE", "OTHER", "TIMES_S", "UNMETERED", "Kind", "Meter", "Metric", "may_scrape"]
