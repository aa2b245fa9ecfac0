"""The games that the pages' replica really has, to which other tests add theirs: two pages of them, one that needs a
code, some with hostile texts.
"""

from typing import Any

from orchestrator.catalog.definition import GameDefinition
from orchestrator.catalog.images import EngineImage
from orchestrator.services import open_services
from orchestrator.settings import Settings

PICTURES = "/static/games/the-question"
EVIL = "<img src=x onerror=alert(1)>"
LOCKED = "moon-orchard"
FILLERS = 24
_GAMES: list[tuple[str, str, str, list[str], str]] = [
    ("the-question", "The Question", "Ren'Py Team", ["Romance", "Visual Novel"], "Will you ask her?"),
    ("moss", "Moss", "Underleaf", ["Cosy"], "Grow an orchard between two stones."),
    ("salt-and-stars", "Salt and Stars", "Harbour Nine", ["Mystery", "Visual Novel"], "A lighthouse goes dark."),
    (LOCKED, "Moon Orchard", "Underleaf", ["Cosy", "Romance"], "Letters from an orchard that nobody planted."),
    ("evil", EVIL, "<b>nobody</b>", ["<i>tag</i>"], "</p><script>alert(1)</script>"),
    ("shalom", "שלום עולם", "مطور", ["日本語", "Romance"], "𐌀 🎮 From right to left."),
]


async def fill(settings: Settings) -> list[str]:
    """Add them all; codes for the one that needs one."""
    async with open_services(settings) as services:
        for slug, title, developer, tags, description in _GAMES:
            extra: dict[str, Any] = {"thumbnail": f"{PICTURES}/thumbnail.jpg"} if slug == "the-question" else {}
            await services.catalog.add_game(_definition(slug, title, developer, tags, description, **extra), _IMAGE)
        for number in range(FILLERS):
            definition = _definition(f"zoetrope-{number}", f"Zoetrope {number:02}", "Fillers", ["Puzzle"], "It turns.")
            await services.catalog.add_game(definition, _IMAGE)
        await services.library.set_access(LOCKED, needs_code=True)
        made = await services.library.make_codes(LOCKED, 20, note=None, expires_at=None)
        return list(made.codes)


_IMAGE = EngineImage("sha256:" + "a" * 64, 1000)


def _definition(
    slug: str, title: str, developer: str, tags: list[str], description: str, **more: Any
) -> GameDefinition:
    fields = {"slug": slug, "title": title, "developer": developer, "tags": tags, "description": description, **more}
    return GameDefinition.model_validate({**fields, "build": {"version": "1.0", "image": f"playhouse/{slug}:1.0"}})
