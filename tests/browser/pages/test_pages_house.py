"""Library, game page and the door, as people use them: by mouse, by keyboard alone, and when things go wrong."""

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.browser.pages.conftest import PASSWORD
from tests.browser.pages.pages_support import SESSION, FakeApi, ended, running, save, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONFLICT = (409, {"error": "session_active", "message": "You have one running.", "sessionId": "sesother"})


@pytest.mark.parametrize("path", ["/", "/history"])
async def test_a_running_game_is_offered_in_the_library_and_in_the_history(page: Page, api: FakeApi, path: str) -> None:
    api.sessions = [running()]
    await page.goto(path)
    await expect(page.get_by_text("The Question is still running")).to_be_visible()
    await expect(page.get_by_role("link", name="Go on playing")).to_have_attribute("href", f"/play/{SESSION}")


async def test_play_goes_on_in_the_slot_last_played(page: Page, api: FakeApi) -> None:
    api.saves = [save(1, "Old", "2026-01-01T00:00:00Z"), save(2, "New", "2026-11-01T00:00:00Z")]
    await page.goto("/games/the-question")
    await page.locator("#play-button").click()
    await page.wait_for_url(f"**/play/{SESSION}")
    [order] = api.called("/api/game/launch")
    assert (order["gameSlug"], order["saveSlotId"]) == ("the-question", "cls2")
    assert len(api.headers["/api/game/launch"]["idempotency-key"]) == 32
    assert abs(await page.evaluate("performance.timeOrigin + performance.now() - window.playhouse.clickedAt")) < 20_000


async def test_a_launch_says_how_far_the_hosts_are(page: Page, api: FakeApi) -> None:
    api.probes = [{"hostId": f"hst{name}", "url": f"https://{name}.example/api/health"} for name in ("near", "away")]
    allowed = {"Access-Control-Allow-Origin": "*"}
    await page.route("https://near.example/**", lambda route: route.fulfill(json={"status": "ok"}, headers=allowed))
    await page.route("https://away.example/**", lambda route: route.abort())
    await page.goto("/games/the-question")
    await until(page, "sessionStorage.getItem('playhouse:latencies') !== null")
    await page.locator("#play-button").click()
    await page.wait_for_url(f"**/play/{SESSION}")
    [order] = api.called("/api/game/launch")
    assert list(order["latencies"]) == ["hstnear"], "who did not answer is not spoken of"
    assert 0 < order["latencies"]["hstnear"] < 2


async def test_a_new_game_takes_the_first_empty_slot(page: Page, api: FakeApi) -> None:
    api.saves = [save(1)]
    await page.goto("/games/the-question")
    await page.get_by_role("button", name="New game in slot 2").click()
    await page.wait_for_url(f"**/play/{SESSION}")
    [order] = api.called("/api/game/launch")
    assert order["fresh"] is True
    assert "saveSlotId" not in order


async def test_full_slots_say_so_and_offer_no_new_game(page: Page, api: FakeApi) -> None:
    api.saves = [save(1), save(2), save(3)]
    await page.goto("/games/the-question")
    await expect(page.locator("#slots-full")).to_be_visible()
    await expect(page.get_by_role("button", name="New game")).to_have_count(0)
    await expect(page.get_by_role("button", name="Continue")).to_have_count(3)


async def test_by_keyboard_alone_from_the_library_to_the_stage(page: Page, api: FakeApi) -> None:
    await page.goto("/")
    await expect(page.get_by_role("link", name="The Question")).to_be_visible()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("searchbox")).to_be_focused()
    await page.keyboard.type("question")
    await expect(page.locator(".game-card")).to_have_count(1)
    for _ in range(24):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent") == "The Question":
            break
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/games/the-question")
    await expect(page.locator("#play-button")).to_be_visible()
    for _ in range(16):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.id") == "play-button":
            break
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/play/{SESSION}")


async def test_another_running_game_can_be_gone_to(page: Page, api: FakeApi) -> None:
    api.launch = [CONFLICT]
    api.sessions = [{"sessionId": "sesother", "gameSlug": "salt", "gameTitle": "Salt and Stars", "status": "running"}]
    await page.goto("/games/the-question")
    await page.locator("#play-button").click()
    dialog = page.get_by_role("dialog", name="Salt and Stars is still running")
    await expect(dialog.get_by_role("link", name="Go on playing")).to_be_focused()
    await expect(dialog.get_by_role("link")).to_have_attribute("href", "/play/sesother")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(page.locator("#play-button")).to_be_focused()


async def test_the_page_of_a_running_game_leads_back_into_it(page: Page, api: FakeApi) -> None:
    api.sessions, api.saves = [running()], [save(1), save(2, in_use=True)]
    await page.goto("/games/the-question")
    await expect(page.get_by_text("It is running now.")).to_be_visible()
    await expect(page.locator("#play-button")).to_have_attribute("href", f"/play/{SESSION}")
    await expect(page.locator(".ticket").nth(1)).to_contain_text("Being played now")
    way_back = page.get_by_role("link", name="Go on playing slot 2")
    await expect(way_back).to_have_attribute("href", f"/play/{SESSION}")
    api.sessions, api.saves = [], [save(1), save(2)]
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()


@pytest.mark.parametrize(("wanted", "has_stop"), [("Play", False), ("Continue slot 2", True), ("New game", True)])
async def test_the_same_game_is_stopped_only_for_another_save(
    page: Page, api: FakeApi, wanted: str, has_stop: bool
) -> None:
    """It was started in another tab after this page was opened."""
    api.launch, api.saves = [CONFLICT], [save(1), save(2, played="2026-01-01T00:00:00Z")]
    await page.goto("/games/the-question")
    await expect(page.locator("#play-button")).to_be_visible()
    api.sessions, api.saves = [running("sesother")], [save(1, in_use=True), save(2)]
    await page.get_by_role("button", name=wanted).first.click()
    dialog = page.get_by_role("dialog", name="The Question is running already")
    await expect(dialog.get_by_role("link")).to_have_attribute("href", "/play/sesother")
    stop = dialog.get_by_role("button", name="Stop it and play the other save")
    await expect(stop).to_have_count(1 if has_stop else 0)


async def test_another_running_game_can_be_stopped_for_this_one(page: Page, api: FakeApi) -> None:
    api.launch = [CONFLICT]
    await page.goto("/games/the-question")
    await page.locator("#play-button").click()
    await page.get_by_role("button", name="Stop it and start this one").click()
    await page.wait_for_url(f"**/play/{SESSION}")
    assert api.called("/api/game/stop") == [{"sessionId": "sesother"}]
    assert len(api.called("/api/game/launch")) == 2


@pytest.mark.parametrize(
    ("code", "error", "words", "has_retry"),
    [
        (403, "forbidden", "The server's own words", False),
        (429, "rate_limited", "In 7 seconds", True),
        (503, "no_servers", "No machine is free", True),
        (409, "slots_full", "All three slots are in use", False),
    ],
)
async def test_a_refused_launch_says_what_to_do(
    page: Page, api: FakeApi, code: int, error: str, words: str, has_retry: bool
) -> None:
    api.launch = [(code, {"error": error, "message": "The server's own words"})]
    await page.goto("/games/the-question")
    await page.locator("#play-button").click()
    await expect(page.get_by_role("alert")).to_contain_text(words)
    await expect(page.locator("#launch-retry")).to_have_count(1 if has_retry else 0)
    if has_retry:
        await page.locator("#launch-retry").click()
        await page.wait_for_url(f"**/play/{SESSION}")


async def test_a_game_that_goes_while_its_page_is_open_says_so(page: Page, api: FakeApi) -> None:
    api.games = []
    await page.goto("/games/the-question")
    await expect(page.get_by_role("heading", name="There is no such game")).to_be_visible()


async def test_register_shows_the_refusal_and_keeps_the_form(context: BrowserContext, page: Page) -> None:
    await context.clear_cookies()
    await page.goto("/register")
    await page.get_by_label("Name").fill("Ada")
    await page.get_by_label("E-mail").fill("ada@example.org")
    await page.get_by_label("Password").fill("correct horse battery")
    await page.get_by_role("button", name="Create account").click()
    await expect(page.get_by_role("alert")).to_contain_text("exists already")
    await expect(page.get_by_label("E-mail")).to_have_value("ada@example.org")
    await page.get_by_label("E-mail").fill("grace@example.org")
    await page.get_by_label("Password").fill("password1234")
    await page.get_by_role("button", name="Create account").click()
    await expect(page.get_by_role("alert")).to_contain_text("easy to guess")
    await expect(page.get_by_label("Password")).to_be_focused()


async def test_register_says_at_once_that_it_works(context: BrowserContext, page: Page) -> None:
    await context.clear_cookies()
    await page.route("**/api/auth/register", lambda _: None)  # an answer that takes its time
    await page.goto("/register")
    await page.get_by_label("Name").fill("Grace")
    await page.get_by_label("E-mail").fill("grace@example.org")
    await page.get_by_label("Password").fill("correct horse battery")
    await page.get_by_role("button", name="Create account").click()
    await expect(page.get_by_role("button", name="Making your account…")).to_be_disabled()


@pytest.mark.parametrize(
    ("path", "action", "button"),
    [("/signin", "callback/credentials", "Sign in"), ("/register", "register", "Create account")],
)
async def test_who_tried_too_often_is_told_when_it_works_again(
    context: BrowserContext, page: Page, path: str, action: str, button: str
) -> None:
    await context.clear_cookies()
    refusal = {"error": "rate_limited", "message": "Too many tries. Please wait and try again."}
    await page.route(
        f"**/api/auth/{action}", lambda route: route.fulfill(status=429, headers={"retry-after": "839"}, json=refusal)
    )
    await page.goto(path)
    for label, words in {"Name": "Ada", "E-mail": "ada@example.org", "Password": PASSWORD}.items():
        if await page.get_by_label(label).count():
            await page.get_by_label(label).fill(words)
    await page.get_by_role("button", name=button).click()
    await expect(page.get_by_role("alert")).to_have_text("Too many tries. In 14 min it works again.")


@pytest.mark.parametrize("path", ["/", "/signin?callbackUrl=/history"])
async def test_a_wrong_password_leaves_the_form_as_it_was(context: BrowserContext, page: Page, path: str) -> None:
    await context.clear_cookies()
    await page.goto(path)
    await page.get_by_label("E-mail").fill("ada@example.org")
    await page.get_by_label("Password").fill("wrong")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_contain_text("The e-mail address or the password is wrong.")
    await expect(page.get_by_label("E-mail")).to_have_value("ada@example.org")
    await expect(page.get_by_label("Password")).to_be_focused()
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/history" if "history" in path else "**/")
    await expect(page.get_by_role("button", name="Sign out")).to_be_visible()


@pytest.mark.parametrize("width", [320, 390])
async def test_on_a_phone_one_signs_out_by_the_menu(context: BrowserContext, page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 844})
    await context.clear_cookies()  # whoever signs out here came in for that alone
    await page.goto("/signin?callbackUrl=/history")
    await page.get_by_label("E-mail").fill("ada@example.org")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/history")
    await expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    await page.get_by_role("button", name="Menu of Ada").click()
    for name in ("Ada", "History"):
        await expect(page.get_by_role("link", name=name)).to_be_in_viewport(ratio=1)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("button", name="Sign in")).to_be_visible()


async def test_the_front_door_shows_its_form_at_first_sight(context: BrowserContext, page: Page) -> None:
    await context.clear_cookies()
    await page.goto("/")
    await expect(page.get_by_role("link", name="Create one")).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/games/the-question", "/history", f"/play/{SESSION}"])
async def test_pages_fit_a_phone_and_have_large_enough_targets(
    context: BrowserContext, api: FakeApi, path: str, scheme: str
) -> None:
    api.history = [ended(1)]
    api.saves = [save(1)]
    page = await context.new_page()
    await page.set_viewport_size({"width": 320, "height": 640})
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await api.lay_under(page)
    await page.goto(path)
    await until(page, "document.querySelector('.game-card, .ticket, .footlight, .past')")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    small = await page.evaluate(
        """() => [...document.querySelectorAll("button, summary, input:not([type=hidden]), a.button, a.tool")]
            .filter((e) => e.checkVisibility() && !e.inert && e.className !== "typing")
            .map((e) => ({ id: e.id || e.textContent, box: e.getBoundingClientRect() }))
            .filter(({ box }) => box.width < 24 || box.height < 24)
            .map(({ id }) => id)"""
    )
    assert small == []
    await page.close()
