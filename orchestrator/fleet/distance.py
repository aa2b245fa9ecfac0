"""How far hosts are from a player, by what the player's page measured to a few of them. Pure.

Hosts that carry the label `region` stand for one another; any other host stands for itself. What a page says is only
ever weighed, never believed further: it decides where this player's own session is placed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

REGION_LABEL = "region"
MOST_PROBES = 8


@dataclass(frozen=True, slots=True)
class ProbedHost:
    """A host that pages can reach at its own address."""

    host_id: str
    public_url: str
    region: str | None

    @property
    def stands_for(self) -> tuple[str, str]:
        return ("url", self.public_url) if self.region is None else (REGION_LABEL, self.region)


@dataclass(frozen=True, slots=True)
class Distances:
    """In seconds: to single hosts, to all hosts of a region, and the mean of these for those that nobody measured."""

    host_s: Mapping[str, float] = field(default_factory=dict[str, float])
    region_s: Mapping[str, float] = field(default_factory=dict[str, float])
    elsewhere_s: float = 0.0


def probes(hosts: Sequence[ProbedHost], draw: float) -> list[ProbedHost]:
    """Whom a page should measure: one host for each region or address, `MOST_PROBES` at most, by the luck of `draw` in
    [0, 1); none where there is only one, since then there is nothing to compare.
    """
    groups: dict[tuple[str, str], list[ProbedHost]] = {}
    for host in sorted(hosts, key=lambda host: host.host_id):
        groups.setdefault(host.stands_for, []).append(host)
    if len(groups) < 2:
        return []
    ones = [group[int(draw * len(group))] for _, group in sorted(groups.items())]
    begin = int(draw * len(ones))
    return [*ones[begin:], *ones[:begin]][:MOST_PROBES]


def distances(measured: Mapping[str, float], hosts: Sequence[ProbedHost]) -> Distances:
    """What the measured seconds say; those of hosts that are not in `hosts` say nothing."""
    known = [(host, measured[host.host_id]) for host in hosts if host.host_id in measured]
    if not known:
        return Distances()
    regions: dict[str, list[float]] = {}
    for host, seconds in known:
        if host.region is not None:
            regions.setdefault(host.region, []).append(seconds)
    return Distances(
        host_s={host.host_id: seconds for host, seconds in known if host.region is None},
        region_s={region: min(seconds) for region, seconds in regions.items()},
        elsewhere_s=sum(seconds for _, seconds in known) / len(known),
    )
