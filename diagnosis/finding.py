"""One finding, and how all of them are told. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    HINT = "hint"
    """It works, and something is worth knowing."""
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """`says` is a sentence for people; `mend` is the command or the setting that helps, empty where nothing does."""

    level: Level
    subject: str
    says: str
    mend: str = ""


def told(findings: Iterable[Finding]) -> Iterator[str]:
    """A line for each, and a second one with what helps."""
    for finding in findings:
        yield f"{finding.level:<6}  {finding.subject}: {finding.says}"
        if finding.mend:
            yield f"        → {finding.mend}"


def exit_code(findings: Iterable[Finding]) -> int:
    """1 when something is broken."""
    return int(any(finding.level is Level.BROKEN for finding in findings))
