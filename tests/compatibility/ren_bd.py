"""Every check that the public documentation of play.ren.bd allows, in the order of its pages.

They were written from what those pages say and from nothing else; what only our answers could tell is handed in with
the world.
"""

from pathlib import Path

from tests.compatibility import agent, authentication, errors, games, partners, sessions

CHECKS = [
    *authentication.PART.checks,
    *games.PART.checks,
    *sessions.PART.checks,
    *errors.PART.checks,
    *partners.PART.checks,
    *agent.PART.checks,
]

DIFFERENCES: dict[str, str] = {}
"""By the name of a check that we do not pass, and why we do not mean to."""

DOCUMENT = Path(__file__).parents[2] / "docs" / "compatibility.md"
BEGINS, ENDS = "<!-- begin: tests/compatibility -->\n\n", "\n<!-- end: tests/compatibility -->"
