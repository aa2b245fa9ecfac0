"""Every page and every state of one that looks different: whoever adds a page adds a line to `SCENES`.

Each is opened for `test_pages_for_everybody`, which looks at it with axe and walks it by keyboard. The page which
tenants frame needs two players to show anything: `test_pages_arena` looks at it in the same way.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Page, expect

from tests.browser.pages.pages_support import (
    FIGURES,
    PLAY,
    THE_QUESTION,
    WATCH,
    FakeApi,
    deleted,
    ended,
    play,
    running,
    save,
    seated,
    status,
    until,
    version,
    why,
)

GAME = "/games/the-question"
LOG = [f"line {number} of what the game said" for number in range(1, 12)]


@dataclass(frozen=True)
class Visit:
    """A page about to be opened: what its API answers, and a publisher's key that works there."""

    page: Page
    api: FakeApi
    publisher_key: str


Act = Callable[[Visit], Awaitable[None]]


async def nothing_more(visit: Visit) -> None:
    """The page is as it is when it has been opened."""


@dataclass(frozen=True)
class Scene:
    """`path` is opened after `arrange`, then `act` brings the page into its state; without a path `act` opens it.
    `needs_seat` for what connects to a game, `is_stage` where keys go to the game until Control + Alt + Enter.
    `is_admins` for what an admin sees of a fleet: `{host}` in its path is one of that, `{batch}` a batch of codes; and
    of a tenant whose `{console}` they may open: `{match}` is one of its sessions, `{webhook}` and `{stopped}` are two
    of its endpoints.
    """

    name: str
    path: str = ""
    act: Act = nothing_more
    arrange: Callable[[FakeApi], None] = field(default=lambda api: None)
    is_signed_in: bool = True
    needs_seat: bool = False
    is_stage: bool = False
    is_admins: bool = False


def dialog(button: str) -> Act:
    """With the dialog that this button opens."""

    async def act(visit: Visit) -> None:
        await visit.page.get_by_role("button", name=button).first.click()
        await expect(visit.page.locator("dialog[open]")).to_be_visible()
        await until(visit.page, "!document.querySelector('dialog[open] [aria-busy=true]')")

    return act


def full_shelf(api: FakeApi) -> None:
    api.games = [{**THE_QUESTION, "isFavorite": True}]
    api.saves = [
        save(1, "Before the answer", picture="/api/saves/cls1/versions/v1/picture", play_seconds=5400),
        save(2),
    ]
    api.deleted = [deleted(3, "Old love")]
    api.versions = [
        version("v3", "2026-11-20T19:30:00Z", is_head=True),
        version("v2", "2026-11-20T19:20:00Z", is_side=True),
        version("v1", "2026-11-20T19:10:00Z", is_uploaded=True),
    ]


def runs_elsewhere(api: FakeApi) -> None:
    api.sessions = [running("sesother", "salt-and-stars", "Salt and Stars")]
    api.launch = [(409, {"error": "session_active", "message": "", "sessionId": "sesother"})]


def some_history(api: FakeApi) -> None:
    crash = why("crashed", "The game crashed (exit code 3).", "game", "Try again.", *LOG)
    api.history = [ended(1), ended(2, end=crash), *(ended(number) for number in range(3, 40))]
    api.sessions = [running()]


def needs_a_code(api: FakeApi) -> None:
    api.games = [{**THE_QUESTION, "needsCode": True, "inLibrary": False}]


def at_the_curtain(answer: dict[str, Any], sign: str) -> Act:
    """The play page with a session as this answer says, once this text is there."""

    async def act(visit: Visit) -> None:
        await visit.api.push(answer)
        await visit.page.goto(PLAY)
        await expect(visit.page.locator("#curtain")).to_contain_text(sign)

    return act


async def playing(visit: Visit) -> None:
    await play(visit.page, visit.api)


def playing_with(button: str) -> Act:
    """The play page with what this button of its toolbar opens."""

    async def act(visit: Visit) -> None:
        await playing(visit)
        await visit.page.keyboard.press("Control+Alt+Enter")
        await visit.page.locator(button).click()

    return act


async def paused(visit: Visit) -> None:
    await playing(visit)
    await visit.api.push(seated("running", "ready", paused=True))
    await expect(visit.page.locator("#veil")).to_be_visible()


async def asked_to_capture(visit: Visit) -> None:
    """With every hint that may lie over a picture."""
    await playing(visit)
    await visit.page.evaluate(
        "for (const id of ['capture-hint', 'copied-note', 'sound-hint']) document.getElementById(id).hidden = false"
    )


async def watching(visit: Visit) -> None:
    await visit.page.bring_to_front()
    await visit.page.goto(WATCH)
    await visit.page.get_by_role("button", name="Watch").click()
    await expect(visit.page.locator("#curtain")).to_be_hidden()


def shut_door(api: FakeApi) -> None:
    api.watch = (409, {"error": "session_ended", "message": ""})


async def console(visit: Visit) -> None:
    page, slug = visit.page, f"garden-{secrets.token_hex(4)}"
    await page.get_by_label("Your key").fill(visit.publisher_key)
    await page.get_by_role("button", name="Open the console").click()
    await page.get_by_role("button", name="Describe a game").click()
    fields = {
        "Title": "Garden of Forking Paths",
        "Short name in its address": slug,
        "Developer": "Ts'ui Pên",
        "Description": "A labyrinth of time.",
        "Tags": "Mystery",
        "Launcher": "garden.sh",
        "Ren'Py save folder": "GardenOfForkingPaths-1698234567",
    }
    for label, value in fields.items():
        await page.get_by_label(label, exact=True).fill(value)
    await page.get_by_role("button", name="Create it").click()
    await expect(page.locator(f"details[data-slug={slug}] .console-upload")).to_be_visible()


async def describing(visit: Visit) -> None:
    await console(visit)
    await visit.page.get_by_role("button", name="Describe a game").click()


async def menu_on_a_phone(visit: Visit) -> None:
    await visit.page.set_viewport_size({"width": 390, "height": 844})
    await visit.page.get_by_role("button", name="Menu of").click()
    await expect(visit.page.get_by_role("button", name="Sign out")).to_be_visible()


async def without_video(visit: Visit) -> None:
    """The connection check of a browser that cannot play."""
    await visit.page.add_init_script("delete window.RTCPeerConnection")
    await visit.page.reload()
    await visit.page.get_by_role("button", name="Check my connection").click()
    await expect(visit.page.get_by_role("dialog")).to_contain_text("cannot receive live video")


CRASH = status("error", statistics=FIGURES, error=why("crashed", "Exit code 3.", "game", "Try again.", *LOG))
STOPPED = status("stopped", statistics=FIGURES, error=why("stopped", "You stopped the game.", next_step="Come back."))
PULLING = status("starting", "pulling", progress={"done": 112_400_000, "total": 245_000_000, "unit": "bytes"})
QUEUED = status("starting", "placing", queuePosition=2)

SCENES = [
    Scene("the front door", "/", is_signed_in=False),
    Scene("sign in", "/signin", is_signed_in=False),
    Scene("sign in that failed", "/signin?error=CredentialsSignin", is_signed_in=False),
    Scene("register", "/register", is_signed_in=False),
    Scene("forgotten password", "/forgot-password", is_signed_in=False),
    Scene("new password", "/reset-password#secret", is_signed_in=False),
    Scene("confirm an address", "/confirm-email#secret", is_signed_in=False),
    Scene("goodbye", "/goodbye", is_signed_in=False),
    Scene("no such page", "/nowhere"),
    Scene("no such game", "/games/nowhere"),
    Scene("library", "/", arrange=runs_elsewhere),
    Scene("library by a tag", "/?tag=Cosy"),
    Scene("library without a find", "/?search=nothing+like+it"),
    Scene("redeeming", "/", dialog("I have a code")),
    Scene("game", GAME),
    Scene("game that was played", GAME, arrange=full_shelf),
    Scene("game that needs a code", GAME, arrange=needs_a_code),
    Scene("earlier saves", GAME, dialog("Earlier saves of slot 1"), full_shelf),
    Scene("a slot", GAME, dialog("Manage slot 1"), full_shelf),
    Scene("another game runs", GAME, dialog("Play"), runs_elsewhere),
    Scene("connection check", GAME, dialog("Check my connection")),
    Scene("connection check of a browser without video", GAME, without_video),
    Scene("history", "/history", arrange=some_history),
    Scene("history of nothing", "/history"),
    Scene("menu on a phone", "/history", menu_on_a_phone),
    Scene("account", "/account"),
    Scene("deleting the account", "/account", dialog("Delete my account")),
    Scene("publishers", "/publishers"),
    Scene("publishers' console", "/publishers", console),
    Scene("publisher describes a game", "/publishers", describing),
    Scene("in the queue", act=at_the_curtain(QUEUED, "number 2")),
    Scene("fetching the game", act=at_the_curtain(PULLING, "Fetching")),
    Scene("playing", act=playing, needs_seat=True, is_stage=True),
    Scene("playing with hints", act=asked_to_capture, needs_seat=True, is_stage=True),
    Scene("playing with numbers", act=playing_with("#numbers-button"), needs_seat=True, is_stage=True),
    Scene("people", act=playing_with("#people-button"), needs_seat=True, is_stage=True),
    Scene("settings", act=playing_with("#settings-button"), needs_seat=True, is_stage=True),
    Scene("stopping a game", act=playing_with("#stop-button"), needs_seat=True),
    Scene("paused", act=paused, needs_seat=True, is_stage=True),
    Scene("stopped", act=at_the_curtain(STOPPED, "Until next time")),
    Scene("crashed", act=at_the_curtain(CRASH, "The game crashed")),
    Scene("invited to watch", WATCH),
    Scene("watching", act=watching, needs_seat=True),
    Scene("too late to watch", WATCH, arrange=shut_door),
    Scene("fleet", "/admin/fleet", is_admins=True),
    Scene("fleet without a find", "/admin/fleet?search=nothing+like+it", is_admins=True),
    Scene("adding a host", "/admin/fleet", dialog("Add a host"), is_admins=True),
    Scene("host", "/admin/fleet/{host}", is_admins=True),
    Scene("draining a host", "/admin/fleet/{host}", dialog("Drain"), is_admins=True),
    Scene("sessions", "/admin/sessions", is_admins=True),
    Scene("sessions that ended", "/admin/sessions?state=ended", is_admins=True),
    Scene("stopping a session", "/admin/sessions", dialog("Stop"), is_admins=True),
    Scene("profiles", "/admin/profiles", is_admins=True),
    Scene("codes", "/admin/codes?search=moss", is_admins=True),
    Scene("codes of a game", "/admin/codes?game=moss", is_admins=True),
    Scene("new codes", "/admin/codes?game=moss", dialog("Make them"), is_admins=True),
    Scene("batch of codes", "/admin/codes/{batch}", is_admins=True),
    Scene("users", "/admin/users", is_admins=True),
    Scene("closing an account", "/admin/users", dialog("Close the account"), is_admins=True),
    Scene("tenants", "/admin/tenants", is_admins=True),
    Scene("audit log", "/admin/log", is_admins=True),
    Scene("console", "{console}", is_admins=True),
    Scene("keys", "{console}/keys", is_admins=True),
    Scene("replacing keys", "{console}/keys", dialog("Replace live keys"), is_admins=True),
    Scene("matches", "{console}/sessions?game=chess", is_admins=True),
    Scene("match", "{console}/sessions/{match}", is_admins=True),
    Scene("webhooks", "{console}/webhooks", is_admins=True),
    Scene("webhook with its log", "{console}/webhooks/{webhook}", is_admins=True),
    Scene("webhook that was stopped", "{console}/webhooks/{stopped}", dialog("Restart"), is_admins=True),
    Scene("theme", "{console}/theme", is_admins=True),
]
