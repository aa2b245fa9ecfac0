"""A tenant's theme: the colours in which its games are shown. Pure.

A theme holds colours by name, each as `#rrggbb`, and which of both schemes its pages are in where it names no ground:
whatever shows one may set it as a colour, and no text of a tenant ever becomes a part of a style sheet.
"""

import re
from collections.abc import Mapping
from typing import Final

from orchestrator.errors import InvalidRequest

DEFAULTS: Final[Mapping[str, str]] = {
    "primaryColor": "#a31f4d",
    "backgroundColor": "#f2f1f6",
    "surfaceColor": "#ffffff",
    "textColor": "#1b1630",
    "boardLightColor": "#f3e9dc",
    "boardDarkColor": "#a7788c",
    "firstPieceColor": "#fffdf7",
    "secondPieceColor": "#352b4a",
    "highlightColor": "#f2b441",
}
"""What chess is shown in without it. `primaryColor` is a name of the tenant API, the others are ours."""

SCHEME: Final = "colorScheme"
SCHEMES: Final = ("light", "dark")
"""Without one, a page is in its reader's."""
DARK_DEFAULTS: Final[Mapping[str, str]] = {
    "primaryColor": "#c93366",
    "backgroundColor": "#13101f",
    "surfaceColor": "#1f1a2f",
    "textColor": "#f2eef9",
}
"""What is shown in the dark scheme in place of those above."""

_COLOUR: Final = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


def colour_of(value: object) -> str | None:
    """`#rgb` or `#rrggbb` as `#rrggbb` in small letters; None for anything else."""
    if not isinstance(value, str) or _COLOUR.fullmatch(value) is None:
        return None
    digits = value[1:].lower()
    return f"#{digits}" if len(digits) == 6 else "#" + "".join(2 * digit for digit in digits)


def theme_of(fields: Mapping[str, object]) -> dict[str, str]:
    """The theme that these fields are; null or no text is the default's. InvalidRequest names what is wrong."""
    theme: dict[str, str] = {}
    for name, value in fields.items():
        if name not in {*DEFAULTS, SCHEME}:
            raise InvalidRequest(f"There is no {name[:40]!r} in a theme. There are: {', '.join((*DEFAULTS, SCHEME))}.")
        if value is None or value == "":
            continue
        if name == SCHEME:
            theme[name] = _scheme(value)
            continue
        colour = colour_of(value)
        if colour is None:
            raise InvalidRequest(f"{name} is a colour such as #ff6b00.")
        theme[name] = colour
    return theme


def _scheme(value: object) -> str:
    if not isinstance(value, str) or value not in SCHEMES:
        raise InvalidRequest(f"{SCHEME} is light or dark.")
    return value
