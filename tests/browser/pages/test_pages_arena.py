"""Tenants' users play in frames on a tenant's pages: a whole game of each kind between two windows, and what may come
between.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Frame, Page, WebSocketRoute, expect

from orchestrator.web.security import embed_headers
from tests.browser.pages.pages_support import ask, until
from tests.browser.pages.pictures import keep
from tests.browser.pages.tenant_pages import Site, Tenant
from tests.browser.pages.test_pages_for_everybody import (
    AXE,
    COLOUR_RULES,
    DESKTOP,
    LEVELS,
    PHONE,
    WALK,
    violations,
    walked,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

Window = Callable[..., Awaitable[Page]]

CHESS = ["e2e4", "e7e5", "d1h5", "b8c6", "f1c4", "g8f6", "h5f7"]
CHECKERS = (
    *((42, 33), (17, 26), (44, 37), (23, 30), (37, 23), (19, 28), (33, 19), (12, 26), (51, 42), (3, 12), (46, 39)),
    *((21, 30), (39, 3), (5, 12), (3, 3), (1, 10), (3, 17), (8, 26), (23, 5), (26, 33), (40, 26), (7, 14), (5, 23)),
)


def square(name: str) -> int:
    return (8 - int(name[1])) * 8 + "abcdefgh".index(name[0])


def clicks(start: int, to: int) -> list[str]:
    """From one square to another, when the page says that this is a move."""
    return [f'.square.mine[data-index="{start}"]', f'.square:is(.can, .takes)[data-index="{to}"]']


# Of each game: what is clicked, turn about, and the first player's share of the end.
GAMES: dict[str, tuple[Sequence[list[str]], str]] = {
    "chess": ([clicks(square(move[:2]), square(move[2:])) for move in CHESS], "by checkmate."),
    "checkers": ([clicks(start, to) for start, to in CHECKERS], "with the last piece captured."),
    "connect4": (
        [[f'.live [data-column="{column}"]'] for column in (3, 3, 2, 4, 1, 5, 0)],
        "with four in a row.",
    ),
    "tictactoe": (
        [[f".live .cell >> nth={cell}"] for cell in (4, 0, 2, 6, 3, 5, 1, 7, 8)],
        "Nobody can win this any more.",
    ),
}


@pytest_asyncio.fixture(loop_scope="session")
async def window(browser: Browser) -> AsyncGenerator[Window]:
    """Opens windows of people who share nothing. A test fails when one showed an error."""
    contexts, problems = [], []

    async def make(scheme: Literal["light", "dark"] = "light", *, is_phone: bool = False) -> Page:
        size = PHONE if is_phone else DESKTOP
        context = await browser.new_context(viewport=size, color_scheme=scheme, has_touch=is_phone)
        contexts.append(context)
        context.set_default_timeout(45_000)
        page = await context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.add_init_script(path=AXE)
        await page.add_init_script(path=WALK)
        return page

    yield make
    for context in contexts:
        await context.close()
    assert problems == []


class Between:
    """Between a page and its replica: what the page says is in `said`, and what is in `refused` is answered here."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.refused: dict[str, str] = {}

    async def lay_under(self, page: Page) -> None:
        await page.route_web_socket(re.compile("/socket.io/"), self._open)
        await page.route("**/socket.io/**", lambda route: route.abort())  # nor by polling

    async def close(self) -> None:
        await self._wire.close()

    async def heard(self, page: Page, event: str, times: int) -> None:
        """Lets the page's time pass until it has said this so often."""
        async with asyncio.timeout(60):
            while self.said.count(event) < times:
                await page.clock.run_for(500)

    def _open(self, wire: WebSocketRoute) -> None:
        server = wire.connect_to_server()

        def hear(text: str | bytes) -> None:
            said = re.match(r'42(/[a-z0-9]+),\["([^"]+)"', str(text))
            if said is not None:
                self.said.append(said[2])
            if said is None or said[2] not in self.refused:
                server.send(text)
            else:
                refusal = {"code": self.refused[said[2]], "message": "No.", "roomId": None}
                wire.send(f"42{said[1]},{json.dumps(['error', refusal])}")

        wire.on_message(hear)
        self._wire = wire


def inside(page: Page) -> Frame:
    """The arena's frame on a tenant's page, or the page itself."""
    return next((frame for frame in page.frames if "/embed?" in frame.url), page.main_frame)


async def seated(pages: Sequence[Page]) -> list[Page]:
    """Those whose match has begun, the one on the move first."""
    for page in pages:
        await expect(
            page.frame_locator("iframe").locator(".on-the-move") if page.frames[1:] else page.locator(".on-the-move")
        ).to_be_visible()
    is_first = await inside(pages[0]).locator(".me.on-the-move").count() == 1
    return list(pages if is_first else reversed(pages))


async def click(page: Page, selectors: Sequence[str]) -> None:
    for selector in selectors:
        await inside(page).locator(selector).click()


async def heard(page: Page, event: str) -> list[Any]:
    """What the tenant's page was told under this name."""
    return [data for name, data in await page.evaluate("window.heard") if name == event]


async def problems_of(page: Page) -> list[str]:
    """What keeps somebody from using it."""
    found = await walked(page, is_stage=False)
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        found += await violations(
            page, {"type": "tag", "values": LEVELS} if scheme == "light" else {"type": "rule", "values": COLOUR_RULES}
        )
    return found


@pytest.mark.parametrize("game", GAMES)
async def test_two_windows_play_a_whole_game_over_a_reload(game: str, tenant: Tenant, window: Window) -> None:
    moves, end = GAMES[game]
    session = tenant.session(game, "ann", "bob", matchType="private")
    desk, phone = await window(), await window("dark", is_phone=True)
    await desk.goto(tenant.address(session, player="ann"))
    await expect(desk.frame_locator("iframe").get_by_role("heading", name="Waiting for Bob")).to_be_visible()
    await phone.goto(tenant.embed(session, player="bob"))
    pair = await seated([desk, phone])
    middle = len(moves) // 2
    for turn, selectors in enumerate(moves):
        if turn == middle:
            assert await problems_of(phone) == []
            await phone.emulate_media(color_scheme="dark")
            await keep(desk, f"{game}-playing")
            for page in pair:
                await page.reload()
            await seated(pair)
            for page in pair:
                await expect(inside(page).locator(".ply")).to_have_count(turn)
        await click(pair[turn % 2], selectors)
        await expect(inside(pair[turn % 2]).locator(".ply")).to_have_count(turn + 1)
    for page in pair:
        await expect(inside(page).locator(".veil-card p")).to_have_text(re.compile(end, re.IGNORECASE))
        await expect(inside(page).locator("p[role=status]")).not_to_contain_text("Your turn")
        assert await inside(page).locator("html").evaluate("html => html.scrollHeight <= html.clientHeight")
    won = "A draw" if "Nobody" in end else "You won"
    await expect(inside(pair[0]).get_by_role("heading", name=won)).to_be_visible()
    await keep(phone, f"{game}-over")
    [over] = await heard(desk, "over")
    status = tenant.get(f"/v1/sessions/validate?token={session['sessionToken']}").json()
    assert over == {key: status["result"][key] for key in ("winner", "reason")}
    assert (await heard(desk, "state"))[-1]["status"] == "ended"
    await desk.reload()
    await expect(desk.frame_locator("iframe").locator(".veil-card p")).to_have_text(re.compile(end, re.IGNORECASE))
    await desk.frame_locator("iframe").get_by_role("button", name="Play again").click()
    await until(desk, "window.heard.some(([name]) => name === 'play_again')")


async def test_one_plays_by_keyboard_alone(tenant: Tenant, window: Window) -> None:
    session = tenant.session("chess", "ann", "bob", matchType="private")
    pages = [await window(), await window()]
    for page, name in zip(pages, ("ann", "bob"), strict=True):
        await page.goto(tenant.embed(session, player=name))
    white, black = await seated(pages)
    await expect(white.locator(".square.mine")).to_have_count(10)
    await white.keyboard.press("Tab")  # onto the board, at its near left corner
    for key in ("ArrowUp", *["ArrowRight"] * 4, "Enter"):
        await white.keyboard.press(key)
    await expect(white.get_by_role("gridcell", name="e2, white pawn")).to_have_attribute("aria-selected", "true")
    for key in ("ArrowUp", "ArrowUp", " "):
        await white.keyboard.press(key)
    await expect(white.get_by_role("gridcell", name="e4, white pawn")).to_be_visible()
    await expect(black.get_by_role("status")).to_have_text(re.compile("e4. Your turn."))
    assert await black.locator('.piece[data-kind="wP"]').count() == 8


async def test_a_pawn_is_promoted_and_pieces_are_dragged(tenant: Tenant, window: Window) -> None:
    session = tenant.session("chess", "ann", "bob", matchType="private")
    pages = [await window(), await window()]
    for page, name in zip(pages, ("ann", "bob"), strict=True):
        await page.goto(tenant.embed(session, player=name))
    pair = await seated(pages)
    for turn, move in enumerate(["h2h4", "g7g5", "h4g5", "h7h6", "g5g6", "f8g7", "g6f7", "e8f8"]):
        page = pair[turn % 2]
        await page.locator(f'.square.mine[data-index="{square(move[:2])}"]').drag_to(
            page.locator(f'[data-index="{square(move[2:])}"]')
        )
        await expect(page.locator(".ply")).to_have_count(turn + 1)
    white, black = pair
    await click(white, clicks(square("f7"), square("g8")))
    await expect(white.get_by_role("dialog", name="The pawn becomes")).to_be_visible()
    assert await violations(white, {"type": "tag", "values": LEVELS}) == []
    await white.get_by_role("button", name="knight").click()
    await expect(black.locator('.piece[data-kind="wN"]')).to_have_count(3)
    assert await white.locator(".me .pile > svg").count() == 3
    await expect(white.locator(".me .lead")).to_have_text("+7")


async def test_a_draw_is_offered_and_a_game_is_given_up(tenant: Tenant, window: Window) -> None:
    session = tenant.session("chess", "ann", "bob", matchType="private")
    pages = [await window(), await window()]
    for page, name in zip(pages, ("ann", "bob"), strict=True):
        await page.goto(tenant.embed(session, player=name))
    white, black = await seated(pages)
    await white.get_by_role("button", name="Offer a draw").click()
    await expect(white.get_by_role("button", name="Draw offered")).to_be_disabled()
    await black.get_by_role("button", name="Decline").click()
    await expect(white.get_by_text("The draw was declined.").first).to_be_visible()
    await black.get_by_role("button", name="Resign").click()
    await expect(black.get_by_role("dialog")).to_be_visible()
    assert await violations(black, {"type": "tag", "values": LEVELS}) == []
    await black.get_by_role("button", name="Go on playing").click()
    await black.get_by_role("button", name="Resign").click()
    await black.get_by_role("dialog").get_by_role("button", name="Resign").click()
    await expect(white.get_by_role("heading", name="You won")).to_be_visible()
    await expect(white.locator(".veil-card p")).to_have_text("By resignation.")
    assert await problems_of(white) == []
    await white.get_by_role("button", name="Look at the board").click()
    await expect(white.locator(".veil")).to_be_hidden()


async def test_a_broken_connection_is_made_anew_and_idling_counts_down(tenant: Tenant, window: Window) -> None:
    session = tenant.session("tictactoe", "ann", "bob", matchType="private")
    ann, bob = await window(), await window()
    wires: list[WebSocketRoute] = []
    may_connect = asyncio.Event()
    may_connect.set()

    async def through(wire: WebSocketRoute) -> None:
        await may_connect.wait()
        wire.connect_to_server()
        wires.append(wire)

    await ann.route_web_socket(re.compile("/socket.io/"), through)
    await ann.route("**/socket.io/**", lambda route: route.abort())  # nor by polling
    await ann.goto(tenant.embed(session, player="ann"))
    await expect(ann.get_by_role("heading", name="Waiting for Bob")).to_be_visible()  # who joins first begins
    await bob.goto(tenant.embed(session, player="bob"))
    await click(ann, [".live .cell >> nth=4"])
    await expect(bob.locator(".live")).to_be_visible()
    may_connect.clear()
    await wires[-1].close()
    await expect(ann.locator("[data-note=connection]")).to_be_visible()
    await expect(bob.locator("[data-note=away]")).to_contain_text("Ann lost the connection and has 5")
    may_connect.set()
    await expect(ann.locator("[data-note=connection]")).to_be_hidden()
    await expect(bob.locator("[data-note=away]")).to_be_hidden()
    await click(bob, [".live .cell >> nth=0"])
    await expect(ann.locator(".live")).to_be_visible()
    warning = json.dumps(["tictactoe:afk_warning", {"playerId": "ann", "secondsRemaining": 20}])
    wires[-1].send(f"42/tictactoe,{warning}")
    await expect(ann.locator("[data-note=afk]")).to_have_text(re.compile(r"You must move within (20|19|18) s\."))
    assert await violations(ann, {"type": "tag", "values": LEVELS}) == []
    await click(ann, [".live .cell >> nth=8"])
    await expect(ann.locator("[data-note=afk]")).to_be_hidden()


async def test_who_is_refused_for_a_moment_comes_again_without_haste(tenant: Tenant, window: Window) -> None:
    session = tenant.session("chess", "ann", "bob", matchType="private")
    between: dict[Page, Between] = {}
    for name in ("ann", "bob"):
        page = await window()
        between[page] = Between()
        between[page].refused = {"game:get_moves": "unavailable"}
        await between[page].lay_under(page)
        await page.clock.install()
        await page.goto(tenant.embed(session, player=name))
    white, black = await seated(list(between))
    mine = between[white]
    await mine.heard(white, "game:get_moves", 2)
    mine.refused = {}
    await mine.heard(white, "game:get_moves", 3)
    await expect(white.locator(".square.mine")).to_have_count(10)
    mine.refused = {"game:reconnect": "unavailable"}
    await mine.close()
    await mine.heard(white, "game:reconnect", 2)
    await click(white, clicks(square("e2"), square("e4")))  # which the server has nobody for
    await expect(white.locator(".passing")).to_have_text("The games are away for a moment. Your game is kept.")
    await expect(white.locator(".square.mine")).to_have_count(0)
    mine.refused = {}
    await mine.heard(white, "game:get_moves", 4)
    await click(white, clicks(square("e2"), square("e4")))
    await expect(black.locator(".ply")).to_have_count(1)
    asked = mine.said.count("game:reconnect") + mine.said.count("game:get_moves")
    assert asked <= 3 + await white.evaluate("performance.now()") / 3_000, "three at once, and one for three seconds"


async def test_matchmaking_is_left_and_joined_again_and_a_third_watches(tenant: Tenant, window: Window) -> None:
    sessions = [tenant.session("connect4", name) for name in ("cleo", "dan", "eve")]
    cleo, dan, eve = await window(), await window(), await window("dark", is_phone=True)
    await cleo.goto(tenant.address(sessions[0]))
    frame = cleo.frame_locator("iframe")
    await expect(frame.get_by_text("You are the next to play.")).to_be_visible()
    await keep(cleo, "waiting")
    await frame.get_by_role("button", name="Stop waiting").click()
    await frame.get_by_role("button", name="Wait again").click()
    await expect(frame.get_by_text("You are the next to play.")).to_be_visible()
    await dan.goto(tenant.address(sessions[1]))
    await seated([cleo, dan])
    await click(cleo, ['.live [data-column="2"]'])
    [room] = [each["roomId"] for each in await heard(cleo, "started")]
    between = Between()
    await between.lay_under(eve)
    await eve.goto(tenant.embed(sessions[2], room=room))
    await expect(eve.locator(".disc")).to_have_count(1)
    await expect(eve.locator(".actions")).to_be_hidden()
    await click(dan, ['.live [data-column="2"]'])
    await expect(eve.locator(".disc")).to_have_count(2)
    assert await problems_of(eve) == []
    between.refused = {"game:spectate": "unknown_room"}
    await between.close()
    await expect(eve.get_by_role("heading", name="Nothing to watch")).to_be_visible()
    between.refused = {}
    await eve.reload()
    await expect(eve.locator(".disc")).to_have_count(2)
    await cleo.evaluate("window.arena.resign()")
    await expect(eve.get_by_role("heading", name="Dan won")).to_be_visible()


async def test_a_friend_is_told_the_code(tenant: Tenant, window: Window) -> None:
    session = tenant.session("checkers", "ann", matchType="private")
    page = await window()
    await page.goto(tenant.embed(session))
    await expect(page.locator(".room-code")).to_have_text(session["roomCode"])
    assert await problems_of(page) == []


async def test_an_end_is_told_though_nothing_of_the_match_is_left(tenant: Tenant, window: Window) -> None:
    over, expired = [tenant.session("chess", "ann") for _ in range(2)]
    await tenant.becomes(over, status="ended", result={"winner": "ann", "reason": "timeout"})
    await tenant.becomes(expired, status="ended", result={"winner": None, "reason": "expired"})
    page = await window()
    await page.goto(tenant.embed(over))
    await expect(page.locator(".veil-card p")).to_have_text("On time.")
    await page.goto(tenant.embed(expired))
    await expect(page.get_by_role("heading", name="Nobody came")).to_be_visible()


async def test_a_tenants_colours_are_worn(tenant: Tenant, window: Window) -> None:
    theme = {
        "primaryColor": "#0a7d4f",
        "backgroundColor": "#08211a",
        "textColor": "#08221b",
        "boardDarkColor": "url(x)",
    }
    page = await window()
    await page.goto(tenant.embed(tenant.session("chess", "ann", theme=theme)))
    await expect(page.get_by_role("button", name="Stop waiting")).to_be_visible()
    style = "getComputedStyle(document.documentElement)"
    assert await page.evaluate(f"{style}.getPropertyValue('--arena-primary')") == "#0a7d4f"
    assert await page.evaluate(f"{style}.colorScheme") == "dark"
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(8, 33, 26)"
    assert await page.evaluate(f"{style}.getPropertyValue('--arena-board-dark')") == "#a7788c"
    assert await problems_of(page) == [], "text that could not be read is not taken over"


async def test_colours_become_a_style(page: Page) -> None:
    wear = "given.map(m.styleOf)"
    plain, bright, odd = await ask(
        page,
        "arena/theme",
        wear,
        [
            {},
            {"primaryColor": "#FD0", "surfaceColor": "#ffffff", "textColor": "#222"},
            {"colorScheme": "dark", "textColor": "#fff"},
        ],
    )
    assert plain == {"style": {}, "scheme": None}
    assert bright["scheme"] == "light"
    assert bright["style"]["--arena-on-primary"] == "#1b1630"
    assert bright["style"]["--arena-text"] == "#222"
    assert bright["style"]["--arena-background"] == "#ffffff"
    assert odd == {"style": {}, "scheme": "dark"}


async def test_captures_are_counted_by_the_moves(page: Page) -> None:
    line = [("e2", "e4", None), ("d7", "d5", None), ("e4", "d5", None), ("c7", "c5", None), ("d5", "c6", None)]
    history = [{"move": {"from": start, "to": to}} for start, to, _ in line]
    white, black = await ask(page, "arena/chess", "m.captures(given)", history)
    assert white == {"kinds": ["bP", "bP"], "lead": 2}, "the second in passing"
    assert black == {"kinds": [], "lead": 0}
    castled = await ask(
        page,
        "arena/chess",
        "m.after(m.piecesOf(given), {from: 'e1', to: 'g1'}).pieces.slice(60)",
        "8/8/8/8/8/8/8/R3K2R",
    )
    assert castled == [None, "wR", "wK", None]


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ("", 400, "token of a session"),
        ("?token=forged", 401, "not one of ours"),
        ("{good}&player=mallory", 400, "not one of this session"),
    ],
)
async def test_what_cannot_be_shown_says_why_to_page_and_parent(
    asked: str, status: int, words: str, tenant: Tenant, window: Window
) -> None:
    session = tenant.session("chess", "ann", "bob", matchType="private")
    address = f"/embed{asked}".format(good=f"?token={session['sessionToken']}")
    answer = tenant.get(address)
    assert (answer.status_code, answer.headers["referrer-policy"]) == (status, "no-referrer")
    page = await window()
    await page.goto(tenant.address(session))
    await page.evaluate("address => document.querySelector('iframe').src = address", tenant.playhouse + address)
    await expect(page.frame_locator("iframe").get_by_text(words)).to_be_visible()
    await until(page, "window.heard.some(([name, data]) => name === 'error' && data.code === 'cannot_be_shown')")


async def test_only_pages_that_the_tenant_lists_may_frame_it(tenant: Tenant, site: Site, window: Window) -> None:
    session = tenant.session("chess", "ann")
    answer = tenant.get(tenant.embed(session))
    assert f"frame-ancestors {site.origin}" in answer.headers["content-security-policy"].split("; ")
    assert "x-frame-options" not in answer.headers
    page = await window()
    await page.goto(tenant.address(session).replace(site.origin, site.strange))
    await page.frame_locator("iframe").locator("body").wait_for(state="attached")
    assert page.frames[1].url.startswith("chrome-error:")
    assert await page.evaluate("window.heard") == []


async def test_the_module_may_be_imported_by_pages_of_every_origin(tenant: Tenant) -> None:
    module = tenant.get("/arena.js")
    assert module.headers["content-type"].startswith("text/javascript")
    assert module.headers["access-control-allow-origin"] == "*"
    assert tenant.get("/arena.js", {"If-None-Match": module.headers["etag"]}).status_code == 304


async def test_origins_that_are_none_are_no_part_of_the_policy() -> None:
    headers = embed_headers({"https://a.example", "https://b.example; script-src *"})
    assert "frame-ancestors https://a.example" in headers["Content-Security-Policy"].split("; ")
    assert "frame-ancestors 'none'" in embed_headers([])["Content-Security-Policy"]
