"""The list of checks: what each asks, in which part of the documentation it belongs, and running them in turn."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from tests.compatibility.asking import Client, Differs


@dataclass(frozen=True)
class Person:
    email: str
    password: str


@dataclass(frozen=True)
class World:
    """What the script must be told, since no page says it: where the parts are, who may do what, what there is to play.

    `newcomer` makes an account that has a library code for `game` and for `broken_game`, and has never played: how
    people register is not visible. `broken_game` never comes up; `locked_game` is in nobody's library. `slots_of` gives
    the ids of a person's saves of a game: which address lists them is not visible. While `without_servers` lasts, no
    server is there. `admin_address` is one that only admins may read.
    """

    site: str
    storage: str
    agent: str
    agent_secret: str
    newcomer: Callable[[], Awaitable[Person]]
    slots_of: Callable[[Client, str], Awaitable[Sequence[str]]]
    without_servers: Callable[[], AbstractAsyncContextManager[None]]
    game: str
    game_title: str
    game_developer: str
    game_tag: str
    broken_game: str
    locked_game: str
    admin_address: str
    partner_key: str
    other_partner_key: str
    archive: bytes
    archive_launcher: str
    archive_with_two_folders: bytes
    archive_without_launcher: bytes
    archive_with_plain_launcher: bytes
    patience_s: float = 60.0


Ask = Callable[[World], Awaitable[None]]


@dataclass(frozen=True)
class Check:
    part: str
    subject: str
    says: str
    ask: Ask

    @property
    def name(self) -> str:
        return f"{self.ask.__module__.rpartition('.')[2]}.{self.ask.__name__}"


@dataclass(frozen=True)
class Outcome:
    check: Check
    difference: str
    took_s: float

    @property
    def passed(self) -> bool:
        return not self.difference


class Part:
    """One page of the documentation: its name, and the checks of it in the order they were written."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.checks: list[Check] = []

    def check(self, subject: str, says: str) -> Callable[[Ask], Ask]:
        """Add the function as the check that `subject` does what `says` says."""

        def add(ask: Ask) -> Ask:
            self.checks.append(Check(self.name, subject, says, ask))
            return ask

        return add


async def run(checks: Sequence[Check], world: World) -> list[Outcome]:
    """One after another, each to its end; what a check leaves behind, the next one clears for itself."""
    outcomes: list[Outcome] = []
    for each in checks:
        began = time.monotonic()
        try:
            await each.ask(world)
            difference = ""
        except Differs as differs:
            difference = str(differs)
        outcomes.append(Outcome(each, difference, time.monotonic() - began))
    return outcomes


def table(checks: Sequence[Check], differences: Mapping[str, str]) -> str:
    """Every check as a line of Markdown, under the name of its part, with a mark: ✔, or ✘ and how it differs, which
    `differences` knows by the check's name.
    """
    lines: list[str] = []
    part = ""
    for each in checks:
        if each.part != part:
            part = each.part
            lines += ["", f"**{part}**", "", "| Asked | The answer | |", "|---|---|---|"]
        difference = differences.get(each.name, "")
        lines.append(f"| {_code(each.subject)} | {each.says} | {'✘ ' + difference if difference else '✔'} |")
    return "\n".join(lines).strip() + "\n"


def _code(subject: str) -> str:
    return f"`{subject}`" if "/" in subject else subject
