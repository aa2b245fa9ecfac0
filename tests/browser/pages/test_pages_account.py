"""One's own account, and the ways back into it: on the real API, by mouse, by keyboard alone, on a phone."""

import json
import re
import secrets
import sqlite3
import time
import zipfile
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from email import message_from_bytes, policy

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.browser.pages.conftest import PASSWORD, Replica
from tests.browser.pages.pages_support import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

NEW = "battery staple battery"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1"
LONG = "Bartholomew Featherstonehaugh of Cholmondeley-under-Lyme, Keeper of the Third Lantern"


class Person:
    """Somebody with an account of their own, in a browser of their own."""

    def __init__(self, replica: Replica, context: BrowserContext, email: str) -> None:
        self.replica = replica
        self.context = context
        self.email = email

    @contextmanager
    def signed_in_elsewhere(self, agent: str = IPHONE, password: str = PASSWORD) -> Generator[httpx.Client]:
        """A second device."""
        headers = {"User-Agent": agent, "Accept": "application/json"}
        with httpx.Client(base_url=self.replica.url, headers=headers, timeout=60) as client:
            token = client.get("/api/auth/csrf").json()["csrfToken"]
            form = {"email": self.email, "password": password, "csrfToken": token}
            assert client.post("/api/auth/callback/credentials", data=form).status_code == 200
            yield client

    def lose_password(self) -> None:
        """As whoever came in with Google has none."""
        with sqlite3.connect(self.replica.data / "orchestrator.sqlite3", timeout=60) as database:
            database.execute("UPDATE accounts SET password_hash = NULL WHERE email = ?", (self.email,))
        database.close()

    def letter(self, page: str) -> str:
        """The link to that page in the newest letter to this person."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for file in sorted((self.replica.data / "mail").glob("*.eml"), reverse=True):
                message = message_from_bytes(file.read_bytes(), policy=policy.default)
                found = re.findall(rf"/{page}#\S+", message.get_content())
                if message["To"] == self.email and found:
                    return found[0]
            time.sleep(0.02)
        raise AssertionError(f"no letter with a link to {page} came to {self.email}")


@pytest_asyncio.fixture(loop_scope="session")
async def person(browser: Browser, replica: Replica) -> AsyncGenerator[Person]:
    email = f"{secrets.token_hex(4)}@example.org"
    async with httpx.AsyncClient(base_url=replica.url, timeout=60) as client:
        token = (await client.get("/api/auth/csrf")).json()["csrfToken"]
        fields = {"email": email, "password": PASSWORD, "name": "Grace", "csrfToken": token}
        assert (await client.post("/api/auth/register", json=fields)).status_code == 201
        cookies = dict(client.cookies)
    context = await browser.new_context(base_url=replica.url, viewport={"width": 1280, "height": 900})
    await context.add_cookies([{"name": name, "value": value, "url": replica.url} for name, value in cookies.items()])
    context.set_default_timeout(45_000)
    yield Person(replica, context, email)
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def mine(person: Person) -> AsyncGenerator[Page]:
    """The page of the account. A test fails when its console showed an error that the test did not cause itself."""
    page = await person.context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    await page.goto("/account")
    await expect(page.locator(".device")).to_have_count(1)
    yield page
    assert problems == []


async def test_the_name_in_the_header_leads_to_the_account(person: Person) -> None:
    page = await person.context.new_page()
    await page.goto("/")
    await page.get_by_role("link", name="Your account: Grace").click()
    await expect(page.get_by_role("heading", name="Your account")).to_be_visible()


async def test_who_is_not_signed_in_comes_back_after_the_door(person: Person) -> None:
    page = await person.context.new_page()
    await person.context.clear_cookies()
    await page.goto("/account")
    await page.wait_for_url("**/signin?callbackUrl=/account")


async def test_a_new_name_is_shown_at_once(mine: Page) -> None:
    await mine.get_by_label("Name").fill("  Lady <b>Grace</b>  ")
    await mine.get_by_role("button", name="Save name").click()
    await expect(mine.get_by_text("Your name is saved.")).to_be_visible()
    await expect(mine.get_by_label("Name")).to_have_value("Lady <b>Grace</b>")
    await expect(mine.locator(".account-name:visible")).to_have_text("Lady <b>Grace</b>")
    await mine.reload()
    await expect(mine.locator(".account-name:visible")).to_have_text("Lady <b>Grace</b>")


async def test_a_refusal_is_told_in_the_servers_words(mine: Page) -> None:
    """Nothing of a name is in a library."""
    refusal = {"error": "forbidden", "message": "This request comes from another site."}
    await mine.route("**/api/account", lambda route: route.fulfill(status=403, json=refusal))
    await mine.get_by_role("button", name="Save name").click()
    await expect(mine.get_by_role("alert")).to_have_text(
        "This is not open to you. This request comes from another site."
    )


async def test_another_address_is_used_once_its_letter_is_answered(person: Person, mine: Page) -> None:
    elsewhere = f"new-{person.email}"
    await mine.get_by_text("Use another address").click()
    await mine.get_by_label("New e-mail address").fill(elsewhere)
    await mine.get_by_label("Your password").first.fill("wrong horse")
    await mine.get_by_role("button", name="Send the letter", exact=True).click()
    await expect(mine.get_by_role("alert")).to_have_text("The password is wrong. Nothing was changed.")
    await mine.get_by_label("Your password").first.fill(PASSWORD)
    await mine.get_by_role("button", name="Send the letter", exact=True).click()
    await expect(mine.get_by_text(f"A letter is on its way to {elsewhere}.")).to_be_visible()
    await mine.reload()
    await expect(mine.locator(".account-facts")).to_contain_text(person.email)
    person.email = elsewhere
    await mine.goto(person.letter("confirm-email"))
    await expect(mine.get_by_role("heading", name="Thank you")).to_be_visible()
    await mine.goto("/account")
    await expect(mine.locator(".account-facts")).to_contain_text(f"{elsewhere} Confirmed")


async def test_devices_are_told_apart_and_signed_out(person: Person, mine: Page) -> None:
    with person.signed_in_elsewhere() as phone, person.signed_in_elsewhere("curl/8.5.0") as script:
        await mine.reload()
        rows = mine.locator(".device")
        await expect(rows).to_have_count(3)
        await expect(rows.first).to_contain_text("This device")
        await expect(rows.first).to_contain_text("Signed in just now")
        await mine.get_by_role("button", name="Sign out Safari on iPhone").click()
        await expect(mine.get_by_text("Safari on iPhone is signed out.")).to_be_visible()
        await expect(rows).to_have_count(2)
        await expect(mine.get_by_role("heading", name="Where you are signed in")).to_be_focused()
        assert phone.get("/api/account").status_code == 401
        assert script.get("/api/account").status_code == 200
        await mine.get_by_role("button", name="Sign out everywhere else").click()
        await expect(rows).to_have_count(1)
        await expect(mine.get_by_role("button", name="Sign out everywhere else")).to_be_hidden()
        assert script.get("/api/account").status_code == 401


async def test_a_device_that_signed_out_by_itself_is_gone_without_a_fuss(person: Person, mine: Page) -> None:
    with person.signed_in_elsewhere() as phone:
        await mine.reload()
        await expect(mine.locator(".device")).to_have_count(2)
        phone.delete(f"/api/account/devices/{phone.get('/api/account/devices').json()['devices'][0]['id']}")
        await mine.get_by_role("button", name="Sign out Safari on iPhone").click()
        await expect(mine.locator(".device")).to_have_count(1)
        await expect(mine.get_by_role("alert")).to_have_count(0)


async def test_this_device_is_signed_out_through_the_door(mine: Page) -> None:
    await mine.get_by_role("button", name="Sign out here").click()
    await expect(mine.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_who_has_tried_too_often_is_told_how_long_to_wait(mine: Page) -> None:
    refusal = {"error": "rate_limited", "message": "Too many tries."}
    await mine.route(
        "**/api/account/password",
        lambda route: route.fulfill(status=429, headers={"Retry-After": "500"}, json=refusal),
    )
    await mine.get_by_label("Current password").fill("wrong horse")
    await mine.get_by_label("New password").fill(NEW)
    await mine.get_by_role("button", name="Change password").click()
    await expect(mine.get_by_role("alert")).to_contain_text("Too many tries. In 9 min it works again.")


async def test_a_wrong_old_password_is_told_and_nothing_is_lost(mine: Page) -> None:
    await mine.get_by_label("Current password").fill("wrong horse")
    await mine.get_by_label("New password").fill(NEW)
    await mine.get_by_role("button", name="Change password").click()
    await expect(mine.get_by_role("alert")).to_have_text("The current password is wrong.")
    await expect(mine.get_by_label("Current password")).to_be_focused()
    await expect(mine.get_by_label("New password")).to_have_value(NEW)


async def test_a_password_that_is_easy_to_guess_is_told(mine: Page) -> None:
    await mine.get_by_label("Current password").fill(PASSWORD)
    await mine.get_by_label("New password").fill("password1234")
    await mine.get_by_role("button", name="Change password").click()
    await expect(mine.get_by_role("alert")).to_contain_text("This password is easy to guess.")
    await expect(mine.get_by_label("New password")).to_be_focused()


async def test_by_keyboard_alone_to_a_new_password(person: Person, mine: Page) -> None:
    with person.signed_in_elsewhere() as phone:
        await mine.get_by_label("Current password").focus()
        await mine.keyboard.type(PASSWORD)
        await mine.keyboard.press("Tab")
        await mine.keyboard.type(NEW)
        await mine.keyboard.press("Enter")
        await expect(mine.get_by_text("Your password is changed")).to_be_visible()
        await expect(mine.get_by_label("New password")).to_have_value("")
        assert phone.get("/api/account").status_code == 401
    with person.signed_in_elsewhere(password=NEW) as again:
        assert again.get("/api/account").status_code == 200


async def test_an_address_is_confirmed_by_the_letter(person: Person, mine: Page) -> None:
    await expect(mine.get_by_text("Not confirmed yet")).to_be_visible()
    await expect(mine.get_by_text("has no mail server yet")).to_be_visible()
    await mine.get_by_role("button", name="Send the letter again").click()
    await expect(mine.get_by_text("The letter is on its way.")).to_be_visible()
    link = person.letter("confirm-email")
    await mine.goto(link)
    await expect(mine.get_by_role("heading", name="Thank you")).to_be_visible()
    assert await mine.evaluate("location.hash") == "", "what was used up is not left in the address"
    await mine.goto("/account")
    await expect(mine.get_by_text("Confirmed", exact=True)).to_be_visible()
    await expect(mine.get_by_role("button", name="Send the letter again")).to_have_count(0)
    await mine.goto(link)
    await expect(mine.get_by_role("heading", name="This link works no longer")).to_be_visible()


async def test_a_forgotten_password_is_mended_by_the_letter(person: Person) -> None:
    await person.context.clear_cookies()
    page = await person.context.new_page()
    await page.goto("/signin")
    await page.get_by_role("link", name="Forgot your password?").click()
    await page.get_by_label("E-mail").fill(person.email)
    await page.get_by_role("button", name="Send the letter").click()
    await expect(page.get_by_text("a letter is on its way")).to_be_visible()
    await page.goto(person.letter("reset-password"))
    await page.get_by_label("New password").fill("password1234")
    await page.get_by_role("button", name="Set the password").click()
    await expect(page.get_by_role("alert")).to_contain_text("easy to guess")
    await page.get_by_label("New password").fill(NEW)
    await page.get_by_role("button", name="Set the password").click()
    await expect(page.get_by_text("Your new password is set.")).to_be_visible()
    assert await page.evaluate("location.hash") == ""
    await page.get_by_role("link", name="Sign in").click()
    await page.get_by_label("E-mail").fill(person.email)
    await page.get_by_label("Password").fill(NEW)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Sign out")).to_be_visible()


@pytest.mark.parametrize("link", ["/reset-password", "/reset-password#nonsense"])
async def test_a_link_that_opens_nothing_says_where_to_get_another(person: Person, link: str) -> None:
    page = await person.context.new_page()
    await page.goto(link)
    await page.get_by_label("New password").fill(NEW)
    await page.get_by_role("button", name="Set the password").click()
    await expect(page.get_by_role("alert")).to_contain_text("has been used or is too old")
    await expect(page.get_by_role("link", name="Ask for another")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/account", "/forgot-password", "/reset-password", "/confirm-email", "/signin"])
async def test_pages_of_the_account_fit_a_phone(person: Person, path: str, scheme: str) -> None:
    with person.signed_in_elsewhere("x" * 60) as phone:
        phone.patch("/api/account", json={"name": LONG})
        if path == "/signin":
            await person.context.clear_cookies()
        page = await person.context.new_page()
        await page.set_viewport_size({"width": 320, "height": 640})
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        await page.goto(path)
        if path == "/account":
            await expect(page.locator(".device")).to_have_count(2)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    small = await page.evaluate(
        """() => [...document.querySelectorAll("button, summary, input:not([type=hidden]), a.button")]
            .filter((e) => e.checkVisibility())
            .map((e) => ({ id: e.id || e.textContent, box: e.getBoundingClientRect() }))
            .filter(({ box }) => box.width < 24 || box.height < 24)
            .map(({ id }) => id)"""
    )
    assert small == []


async def test_a_long_name_leaves_the_header_in_one_line(person: Person, mine: Page) -> None:
    await mine.get_by_label("Name").fill(LONG)
    await mine.get_by_role("button", name="Save name").click()
    await until(mine, "document.querySelector('.account-name').textContent.startsWith('Bartholomew')")
    for width in (481, 640, 1280):
        await mine.set_viewport_size({"width": width, "height": 800})
        assert await mine.evaluate("document.documentElement.scrollWidth") <= width
        assert await mine.evaluate("document.querySelector('.house-header').clientHeight") < 90


async def test_ones_data_is_a_file_to_take_away(mine: Page) -> None:
    async with mine.expect_download() as download:
        await mine.get_by_role("link", name="Download my data").click()
    file = await download.value
    assert file.suggested_filename == "playhouse-account.zip"
    with zipfile.ZipFile(await file.path()) as archive:
        assert json.loads(archive.read("account.json"))["account"]["name"] == "Grace"


async def test_who_has_no_password_is_shown_how_to_get_one_before_deleting(person: Person, mine: Page) -> None:
    person.lose_password()
    await mine.reload()
    await expect(mine.locator(".device")).to_have_count(1)
    await mine.get_by_role("button", name="Delete my account…").click()
    dialog = mine.get_by_role("dialog", name="Delete your account?")
    await expect(dialog.locator("input")).to_have_count(0)
    await dialog.get_by_role("button", name="Keep my account").click()
    await expect(dialog).to_be_hidden()
    await mine.keyboard.press("Enter")
    await dialog.get_by_role("link", name="Get the letter").click()
    await expect(mine.get_by_role("heading", name="Forgot your password?")).to_be_visible()


async def test_deleting_asks_first_and_takes_the_password(person: Person, mine: Page) -> None:
    await mine.get_by_role("button", name="Delete my account…").click()
    dialog = mine.get_by_role("dialog", name="Delete your account?")
    await dialog.get_by_label("Your password").fill("wrong horse")
    await mine.keyboard.press("Enter")
    await expect(dialog.get_by_role("alert")).to_have_text("The password is wrong. Nothing was deleted.")
    await mine.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(mine.get_by_role("button", name="Delete my account…")).to_be_focused()
    await mine.keyboard.press("Enter")
    await expect(dialog.get_by_label("Your password")).to_have_value("")
    await expect(dialog.get_by_role("alert")).to_have_count(0)
    await dialog.get_by_label("Your password").fill(PASSWORD)
    await dialog.get_by_role("button", name="Delete everything").click()
    await expect(mine.get_by_role("heading", name="Your account is deleted")).to_be_visible()
    await mine.goto("/account")
    await mine.wait_for_url("**/signin**")
    await mine.get_by_label("E-mail").fill(person.email)
    await mine.get_by_label("Password").fill(PASSWORD)
    await mine.keyboard.press("Enter")
    await expect(mine.get_by_role("alert")).to_contain_text("The e-mail address or the password is wrong.")
