"""The library as the server shows it: found by words and tags, kept in the address, whole without JavaScript; codes."""

import re

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.browser.pages.catalogue import EVIL, LOCKED
from tests.browser.pages.conftest import PASSWORD, Replica
from tests.browser.pages.pages_support import FakeApi, save, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_games_are_found_while_one_types_and_the_address_keeps_it(page: Page) -> None:
    await page.goto("/")
    await expect(page.get_by_role("link", name="Moss")).to_be_visible()
    await page.get_by_role("searchbox").fill("HARBOUR")
    await expect(page.get_by_role("link", name="Moss")).to_have_count(0)
    await expect(page.get_by_role("link", name="Salt and Stars")).to_be_visible()
    await expect(page.get_by_role("status").filter(has_text="1 game for")).to_be_visible()
    await expect(page.get_by_role("searchbox")).to_be_focused()
    await expect(page).to_have_url(re.compile(r"/\?search=HARBOUR$"))
    await page.reload()
    await expect(page.get_by_role("searchbox")).to_have_value("HARBOUR")
    await expect(page.locator(".game-card")).to_have_count(1)
    await page.get_by_role("searchbox").fill("nothing like it")
    await expect(page.get_by_role("heading", name="Nothing fits")).to_be_visible()
    await page.get_by_role("link", name="Show all games").click()
    await expect(page.get_by_role("link", name="Moss")).to_be_visible()


async def test_what_has_the_word_in_its_title_comes_first(page: Page) -> None:
    await page.goto("/?search=orchard")
    titles = page.locator(".game-card h2")
    await expect(titles).to_have_text(["Moon Orchard", "Moss"])


async def test_tags_narrow_and_widen(page: Page) -> None:
    await page.goto("/")
    tags = page.get_by_role("navigation", name="Tags")
    await tags.get_by_role("link", name="Cosy").click()
    await expect(page).to_have_url(re.compile(r"/\?tag=Cosy$"))
    await expect(page.locator(".game-card")).to_have_count(2)
    await page.get_by_role("searchbox").fill("moss")
    await expect(page.locator(".game-card")).to_have_count(1)
    await expect(page).to_have_url(re.compile(r"search=moss&tag=Cosy|search=moss&.*tag=Cosy"))
    await tags.get_by_role("link", name="Cosy").click()
    await expect(page).to_have_url(re.compile(r"/\?search=moss$"))


async def test_pages_are_turned_by_links(page: Page) -> None:
    await page.goto("/")
    await expect(page.locator(".game-card")).to_have_count(24)
    await page.get_by_role("link", name="More games").click()
    await expect(page).to_have_url(re.compile(r"/\?page=2$"))
    await expect(page.get_by_text("Page 2 of 2")).to_be_visible()
    await expect(page.get_by_role("link", name="Zoetrope 23")).to_be_visible()
    await page.goto("/?page=99")
    await expect(page.get_by_role("heading", name="There are no more games")).to_be_visible()


@pytest.mark.parametrize(
    "query",
    [
        "?page=x",
        "?page=-1",
        "?page=9999999999999999999999",
        "?sort=price",
        "?search=%00%ff",
        "?tag=%F0%9F%98%80",
        f"?search={'x' * 5000}",
        "?mine=maybe",
        "?search=%3Cscript%3Ealert(1)%3C/script%3E",
    ],
)
async def test_an_address_of_nonsense_is_a_page_all_the_same(page: Page, query: str) -> None:
    answer = await page.goto(f"/{query}")
    assert answer is not None
    assert answer.status == 200
    await expect(page.get_by_role("searchbox")).to_be_visible()


async def test_texts_of_games_are_texts_whatever_they_contain(page: Page) -> None:
    await page.goto("/")
    await expect(page.get_by_role("link", name=EVIL)).to_be_visible()
    await expect(page.locator(".game-card").filter(has_text="<b>nobody</b>")).to_contain_text("<i>tag</i>")
    await expect(page.locator("main img[src=x], main script")).to_have_count(0)
    await page.goto("/?search=שלום")
    await expect(page.get_by_role("link", name="שלום עולם")).to_be_visible()


async def test_on_a_phone_each_way_into_the_library_takes_one_line(page: Page) -> None:
    for width in (390, 360):
        await page.set_viewport_size({"width": width, "height": 844})
        await page.goto("/?search=o")
        for first, second in (("#search", "#sort"), (".switch", "#redeem-open")):
            one, other = [await page.locator(each).bounding_box() for each in (first, second)]
            assert one is not None
            assert other is not None
            assert one["x"] + one["width"] <= other["x"], f"{second} is not beside {first} at {width}"
            assert other["x"] + other["width"] <= width
        assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_without_javascript_the_library_is_whole(browser: Browser, replica: Replica) -> None:
    context = await browser.new_context(base_url=replica.url, java_script_enabled=False)
    await context.add_cookies([{"name": n, "value": v, "url": replica.url} for n, v in replica.cookies.items()])
    page = await context.new_page()
    await page.goto("/")
    await page.get_by_role("searchbox").fill("orchard")
    await page.get_by_label("Order").select_option("popular")
    await page.get_by_role("button", name="Search").click()
    await expect(page).to_have_url(re.compile(r"search=orchard&sort=popular"))
    await expect(page.locator(".game-card")).to_have_count(2)
    await page.get_by_role("link", name="My games").click()
    await expect(page).to_have_url(re.compile(r"search=orchard&sort=popular&mine=1"))
    await expect(page.get_by_role("heading", name="My games")).to_be_visible()
    await context.close()


async def test_without_javascript_a_code_is_redeemed_by_a_plain_form(browser: Browser, replica: Replica) -> None:
    context = await browser.new_context(base_url=replica.url, java_script_enabled=False)
    page = await context.new_page()
    await page.goto("/register")
    await page.get_by_label("Name").fill("Bo")
    await page.get_by_label("E-mail").fill("bo@example.org")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Create account").click()
    await page.get_by_role("link", name="I have a code").click()
    await page.get_by_label("Library code").fill("ABCD-EFGH")
    await page.get_by_role("button", name="Redeem").click()
    await expect(page.get_by_role("alert")).to_contain_text("This code does not work")
    await page.get_by_label("Library code").fill(replica.codes.pop().lower().replace("-", " "))
    await page.get_by_role("button", name="Redeem").click()
    await expect(page.get_by_role("status")).to_contain_text("Moon Orchard is in your library")
    await page.get_by_role("link", name="My games").click()
    await expect(page.locator(".game-card")).to_have_count(1)
    await expect(page.locator(".game-card")).not_to_contain_text("Needs a code")
    await context.close()


async def test_a_code_is_redeemed_in_the_library(
    page: Page, api: FakeApi, context: BrowserContext, replica: Replica
) -> None:
    real = await context.new_page()
    await real.goto("/")
    card = real.locator(".game-card").filter(has_text="Moon Orchard")
    await expect(card).to_contain_text("Needs a code")
    await real.get_by_role("button", name="I have a code").click()
    dialog = real.get_by_role("dialog", name="Redeem a code")
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(real.get_by_role("button", name="I have a code")).to_be_focused()
    await real.keyboard.press("Enter")
    await dialog.get_by_label("Library code").fill("ABCD-EFGH")
    await real.keyboard.press("Enter")
    await expect(dialog.get_by_role("alert")).to_contain_text("This code does not work")
    await expect(dialog.get_by_label("Library code")).to_be_focused()
    await dialog.get_by_label("Library code").fill(replica.codes.pop().lower().replace("-", " "))
    await real.keyboard.press("Enter")
    await real.wait_for_url(f"**/games/{LOCKED}")
    await expect(real.locator("#play-button")).to_be_visible()
    await real.get_by_role("button", name="Add to favourites").click()
    await expect(real.get_by_role("button", name="Favourite")).to_have_attribute("aria-pressed", "true")
    await real.goto("/?mine=1")
    await expect(real.locator(".game-card")).to_have_count(1)
    await expect(real.locator(".game-card")).to_contain_text("Favourite")
    await expect(real.locator(".game-card")).not_to_contain_text("Needs a code")
    await real.close()


async def test_a_game_without_a_code_says_so_kindly_and_takes_one(page: Page, api: FakeApi) -> None:
    api.games[0].update(needsCode=True, inLibrary=False)
    await page.goto("/games/the-question")
    await expect(page.get_by_role("heading", name="You need a code for this game")).to_be_visible()
    await expect(page.locator("#play-button, .ticket")).to_have_count(0)
    await page.get_by_label("Library code").fill("WRONG")
    await page.get_by_role("button", name="Redeem").click()
    await expect(page.get_by_role("alert")).to_contain_text("This code does not work")
    api.redeem = (200, {"gameSlug": "the-question", "gameTitle": "The Question", "isNew": True})
    await page.get_by_label("Library code").fill("ABCD-EFGH-JKMN-PQRS")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("It is in your library now.")).to_be_visible()
    await expect(page.locator("#play-button")).to_be_focused()
    assert api.called("/api/library/redeem") == [{"code": "WRONG"}, {"code": "ABCD-EFGH-JKMN-PQRS"}]


async def test_too_many_codes_have_to_wait(page: Page, api: FakeApi) -> None:
    api.games[0].update(needsCode=True, inLibrary=False)
    api.redeem = (429, {"error": "rate_limited", "message": ""})
    await page.goto("/games/the-question")
    await page.get_by_label("Library code").fill("ABCD")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("In 1 min it works again")


async def test_saves_of_a_game_that_needs_a_code_can_still_be_kept(page: Page, api: FakeApi) -> None:
    api.games[0].update(needsCode=True, inLibrary=False)
    api.saves = [save(1, "From before")]
    await page.goto("/games/the-question")
    await expect(page.get_by_role("button", name="Manage slot 1")).to_be_visible()


async def test_a_favourite_is_liked_and_unliked(page: Page, api: FakeApi) -> None:
    await page.goto("/games/the-question")
    button = page.locator("#favorite")
    await button.click()
    await expect(button).to_have_text("Favourite")
    await button.click()
    await expect(button).to_have_text("Add to favourites")
    assert [method for method, path, _ in api.calls if path.endswith("/favorite")] == ["PUT", "DELETE"]


async def test_a_cover_is_shown_whole_whatever_its_shape(page: Page) -> None:
    """What it leaves of its place is filled with itself."""
    await page.goto("/?search=question")
    cover = page.locator(".game-card .cover img:not(.cover-fill)")
    await expect(cover).to_have_css("object-fit", "contain")
    fill = page.locator(".game-card .cover-fill")
    assert await fill.get_attribute("src") == await cover.get_attribute("src")
    await page.goto("/games/the-question")
    await expect(page.locator(".game-head .cover-drawn")).to_be_visible()  # the API of this page knows no picture
    made = await page.evaluate(
        """async () => {
            const { coverFor } = await import("/static/js/covers.js");
            const cover = coverFor({ slug: "a", title: "A", thumbnail: "/static/games/pingus/thumbnail.jpg" });
            document.querySelector(".game-head").prepend(cover);
            return [...cover.children].map((image) => getComputedStyle(image).objectFit);
        }"""
    )
    assert made == ["cover", "contain"]


async def test_a_picture_that_cannot_be_had_leaves_the_curtain(page: Page) -> None:
    await page.route("**/static/games/**", lambda route: route.abort())
    await page.goto("/?search=question")
    await until(page, "document.querySelector('.game-card img').complete")
    await expect(page.locator(".game-card .cover-letter")).to_have_text("Q")


async def test_covers_are_drawn_alike_by_page_and_script(page: Page) -> None:
    await page.goto("/?search=zoetrope")
    drawn = await page.evaluate(
        """async () => {
            const { clothOf, letterOf } = await import("/static/js/covers.js");
            return [...document.querySelectorAll(".game-card")].map((card) => {
                const link = card.querySelector("a");
                const slug = link.getAttribute("href").split("/").pop();
                const cover = card.querySelector(".cover");
                return Number(cover.dataset.cloth) === clothOf(slug)
                    && card.querySelector(".cover-letter").textContent === letterOf(link.textContent);
            });
        }"""
    )
    assert len(drawn) == 24
    assert all(drawn)
