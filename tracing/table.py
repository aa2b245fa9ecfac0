"""A row of a table of spans. Pure."""

from dataclasses import dataclass

Value = bool | int | float | str


@dataclass(frozen=True, eq=False, slots=True)
class SpanName:
    """`name` as a collector shows it, and what it may carry. `service` is whose it is, where it is not of the process
    that tells it. `is_request` is one that somebody outside waits for.
    """

    name: str
    meaning: str
    attributes: tuple[str, ...] = ()
    service: str | None = None
    is_request: bool = False
