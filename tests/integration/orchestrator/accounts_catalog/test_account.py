"""One's own account: the devices, the password, the name."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import update

from orchestrator.accounts import limits, tokens
from orchestrator.accounts.account import Account
from orchestrator.accounts.models import Device
from orchestrator.accounts.passwords import Passwords
from orchestrator.limits.models import Tries
from orchestrator.limits.throttle import Throttle
from orchestrator.services import Services

EMAIL, PASSWORD, NEW = "ada@example.org", "correct horse", "battery staple"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1"

NewClient = Callable[[], httpx.AsyncClient]


@pytest.fixture
async def account(services: Services) -> Account:
    return await services.accounts.create(EMAIL, PASSWORD, "Ada")


async def sign_in(client: httpx.AsyncClient, password: str = PASSWORD, agent: str = FIREFOX) -> httpx.Response:
    token = (await client.get("/api/auth/csrf")).json()["csrfToken"]
    form = {"email": EMAIL, "password": password, "csrfToken": token, "json": "true"}
    return await client.post("/api/auth/callback/credentials", data=form, headers={"User-Agent": agent})


async def is_signed_in(client: httpx.AsyncClient) -> bool:
    return bool((await client.get("/api/auth/session")).json())


@pytest.fixture
async def browser(client: httpx.AsyncClient, account: Account) -> httpx.AsyncClient:
    assert (await sign_in(client)).status_code == 200
    return client


@pytest.fixture
async def phone(new_client: NewClient, browser: httpx.AsyncClient) -> httpx.AsyncClient:
    phone = new_client()
    assert (await sign_in(phone, agent=IPHONE)).status_code == 200
    return phone


async def devices(client: httpx.AsyncClient) -> dict[str, dict[str, object]]:
    answer = await client.get("/api/account/devices")
    assert answer.status_code == 200
    return {device["name"]: device for device in answer.json()["devices"]}


async def test_a_person_sees_where_they_are_signed_in(browser: httpx.AsyncClient, phone: httpx.AsyncClient) -> None:
    seen = await devices(browser)
    assert list(seen) == ["Safari on iPhone", "Firefox on Linux"], "the newest first"
    assert [device["isCurrent"] for device in seen.values()] == [False, True]
    assert seen["Safari on iPhone"].keys() == {"id", "name", "signedInAt", "expiresAt", "isCurrent"}
    signed_in_at = datetime.fromisoformat(str(seen["Firefox on Linux"]["signedInAt"]))
    assert abs(datetime.now(UTC) - signed_in_at) < timedelta(minutes=1)


async def test_a_device_whose_time_is_over_is_not_shown(
    browser: httpx.AsyncClient, phone: httpx.AsyncClient, services: Services
) -> None:
    async with services.database.write() as writing:
        over = update(Device).where(Device.name == "Safari on iPhone")
        await writing.execute(over.values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert list(await devices(browser)) == ["Firefox on Linux"]


async def test_a_lost_device_is_signed_out_at_once(browser: httpx.AsyncClient, phone: httpx.AsyncClient) -> None:
    lost = (await devices(browser))["Safari on iPhone"]["id"]
    assert (await browser.delete(f"/api/account/devices/{lost}")).status_code == 204
    assert not await is_signed_in(phone)
    assert list(await devices(browser)) == ["Firefox on Linux"]
    answer = await browser.delete(f"/api/account/devices/{lost}")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


async def test_all_other_devices_are_signed_out_in_one_go(
    browser: httpx.AsyncClient, phone: httpx.AsyncClient, new_client: NewClient
) -> None:
    await sign_in(third := new_client())
    assert (await browser.delete("/api/account/devices")).status_code == 204
    assert [await is_signed_in(each) for each in (browser, phone, third)] == [True, False, False]


async def test_signing_out_takes_the_device_off_the_list(browser: httpx.AsyncClient, phone: httpx.AsyncClient) -> None:
    token = (await phone.get("/api/auth/csrf")).json()["csrfToken"]
    await phone.post("/api/auth/signout", data={"csrfToken": token})
    assert list(await devices(browser)) == ["Firefox on Linux"]


async def test_another_persons_device_is_out_of_reach(
    browser: httpx.AsyncClient, new_client: NewClient, services: Services
) -> None:
    eve = await services.accounts.create("eve@example.org", PASSWORD, "Eve")
    hers = new_client()
    hers.cookies.set(tokens.COOKIE, await services.accounts.issue_token(eve))
    mine = next(iter((await devices(browser)).values()))["id"]
    assert (await hers.delete(f"/api/account/devices/{mine}")).status_code == 404
    assert (await hers.delete("/api/account/devices")).status_code == 204
    assert await is_signed_in(browser)


async def test_a_new_password_needs_the_old_one_and_signs_the_other_devices_out(
    browser: httpx.AsyncClient, phone: httpx.AsyncClient, new_client: NewClient
) -> None:
    body = {"currentPassword": "wrong horse", "newPassword": NEW}
    answer = await browser.post("/api/account/password", json=body)
    assert (answer.status_code, answer.json()["error"]) == (403, "wrong_password")
    assert await is_signed_in(phone)

    answer = await browser.post("/api/account/password", json=body | {"currentPassword": PASSWORD})
    assert (answer.status_code, answer.content) == (204, b"")
    assert await is_signed_in(browser)
    assert not await is_signed_in(phone)
    assert (await sign_in(new_client(), PASSWORD)).status_code == 401
    assert (await sign_in(new_client(), NEW)).status_code == 200


async def test_a_new_password_that_cannot_be_is_refused(browser: httpx.AsyncClient) -> None:
    for new in ("short", "x" * 1001):
        answer = await browser.post("/api/account/password", json={"currentPassword": PASSWORD, "newPassword": new})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), new


async def test_a_new_password_that_is_easy_to_guess_is_refused(
    browser: httpx.AsyncClient, phone: httpx.AsyncClient
) -> None:
    body = {"currentPassword": PASSWORD, "newPassword": "password1234"}
    answer = await browser.post("/api/account/password", json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "guessable_password")
    assert await is_signed_in(phone)


async def test_of_two_changes_of_a_password_at_once_one_is_made(
    browser: httpx.AsyncClient, phone: httpx.AsyncClient, new_client: NewClient
) -> None:
    async def change(client: httpx.AsyncClient, new: str) -> int:
        body = {"currentPassword": PASSWORD, "newPassword": new}
        return (await client.post("/api/account/password", json=body)).status_code

    codes = await asyncio.gather(change(browser, "first new one"), change(phone, "second new one"))
    assert sorted(codes) == [204, 403]
    winner = "first new one" if codes[0] == 204 else "second new one"
    assert (await sign_in(new_client(), winner)).status_code == 200
    assert sorted([await is_signed_in(browser), await is_signed_in(phone)]) == [False, True]


async def test_a_sign_in_that_is_under_way_while_the_password_changes_opens_nothing(
    browser: httpx.AsyncClient, new_client: NewClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old password is checked, then changed, then the sign-in goes on."""
    verify = Passwords.verify

    async def slowly(passwords: Passwords, password: str, hashed: str | None) -> object:
        verdict = await verify(passwords, password, hashed)
        monkeypatch.setattr(Passwords, "verify", verify)
        body = {"currentPassword": PASSWORD, "newPassword": NEW}
        assert (await browser.post("/api/account/password", json=body)).status_code == 204
        return verdict

    monkeypatch.setattr(Passwords, "verify", slowly)
    late = new_client()
    assert (await sign_in(late)).status_code == 401
    assert not await is_signed_in(late)


async def test_guessing_the_old_password_is_slow(
    browser: httpx.AsyncClient, account: Account, services: Services
) -> None:
    for _ in range(limits.PASSWORD_CHECKS.tries):
        await Throttle(services.database).count(limits.PASSWORD_CHECKS, account.id)
    body = {"currentPassword": PASSWORD, "newPassword": NEW}
    answer = await browser.post("/api/account/password", json=body)
    assert (answer.status_code, answer.json()["error"]) == (429, "rate_limited")
    assert int(answer.headers["retry-after"]) > 0
    async with services.database.write() as writing:
        await writing.execute(update(Tries).values(ends_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert (await browser.post("/api/account/password", json=body)).status_code == 204


async def test_a_person_is_called_what_they_like(browser: httpx.AsyncClient, account: Account) -> None:
    answer = await browser.patch("/api/account", json={"name": " Lady <Ada> 🎩 "})
    assert answer.status_code == 200
    mine = (await browser.get("/api/account")).json()
    assert mine == answer.json()
    created_at = mine.pop("createdAt")
    assert abs(datetime.now(UTC) - datetime.fromisoformat(created_at)) < timedelta(minutes=1)
    assert mine == {
        "id": account.id,
        "name": "Lady <Ada> 🎩",
        "email": EMAIL,
        "role": "player",
        "hasPassword": True,
        "emailVerified": True,
    }
    assert (await browser.get("/api/auth/session")).json()["user"]["name"] == "Lady <Ada> 🎩"


async def test_a_name_that_cannot_be_is_refused(browser: httpx.AsyncClient) -> None:
    bodies: list[dict[str, object]] = [
        {},
        {"name": "  "},
        {"name": "x" * 101},
        {"name": "a\0"},
        {"name": 7},
        {"name": None},
    ]
    for body in bodies:
        answer = await browser.patch("/api/account", json=body)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), body


async def test_changes_of_an_account_come_from_our_own_site(browser: httpx.AsyncClient) -> None:
    answer = await browser.delete("/api/account/devices", headers={"Origin": "https://evil.example"})
    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
