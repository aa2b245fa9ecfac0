"""What the address of a list asks for: what is looked for, and the addresses beside it. Pure.

An address that asks for nonsense is answered with the nearest sensible page, never with an error.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

MOST_CHARACTERS = 320
MOST_PAGES = 100_000


@dataclass(frozen=True)
class Asked:
    """The query of the page at `path`."""

    path: str
    query: Mapping[str, str]

    def text(self, name: str) -> str:
        """What was written there, as every database can hold it."""
        storable = self.query.get(name, "").replace("\0", "").encode("utf-8", "ignore").decode()
        return storable.strip()[:MOST_CHARACTERS]

    def one_of(self, name: str, known: Collection[str]) -> str:
        """The word that was chosen; empty when it is none of those."""
        word = self.query.get(name, "")
        return word if word in known else ""

    @property
    def page(self) -> int:
        word = self.query.get("page", "1")
        number = int(word) if word.isascii() and word.isdigit() and len(word) <= 6 else 1
        return min(max(number, 1), MOST_PAGES)

    def address(self, **changes: str | int) -> str:
        """The address of this page with these changes; an empty value takes a part away, and so does page 1. Whatever
        changes but the page leads to the first one.
        """
        kept = {name: self.text(name) for name in self.query if name != "page"}
        asked = {name: str(value) for name, value in {**kept, **changes}.items() if value not in {"", 1}}
        return f"{self.path}?{urlencode(asked)}" if asked else self.path


def pages_of(total: int, limit: int) -> int:
    return max(1, -(-total // limit))
