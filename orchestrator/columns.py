"""What the command line lists: a headline and one line for each, in columns. Pure."""

from collections.abc import Iterable


def columns(headline: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """The lines, each column as wide as its widest word."""
    table = [headline, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(headline))]
    return ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in table]
