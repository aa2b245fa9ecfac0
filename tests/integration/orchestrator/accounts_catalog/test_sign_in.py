"""Signing in, staying signed in, signing out: the documented `/api/auth`, as a browser and as a script meet it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, tzinfo
from http.cookies import SimpleCookie

import bcrypt
import httpx
import pytest
from sqlalchemy import select, update

from orchestrator.accounts import limits, service, tokens
from orchestrator.accounts.account import Account, AccountState, Role
from orchestrator.accounts.models import AccountRow, Device
from orchestrator.accounts.service import MOST_DEVICES
from orchestrator.limits.models import Tries
from orchestrator.limits.throttle import Throttle
from orchestrator.services import Services

EMAIL, PASSWORD = "ada@example.org", "correct horse"

SignedIn = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def account(services: Services) -> Account:
    return await services.accounts.create(EMAIL, PASSWORD, "Ada")


async def csrf_token(client: httpx.AsyncClient) -> str:
    return (await client.get("/api/auth/csrf")).json()["csrfToken"]


async def sign_in(client: httpx.AsyncClient, **fields: str) -> httpx.Response:
    form = {"email": EMAIL, "password": PASSWORD, "csrfToken": await csrf_token(client)} | fields
    return await client.post("/api/auth/callback/credentials", data=form)


async def session(client: httpx.AsyncClient) -> dict[str, object]:
    answer = await client.get("/api/auth/session")
    assert answer.status_code == 200
    return answer.json()


async def test_the_whole_way_from_the_front_door_and_back(client: httpx.AsyncClient, account: Account) -> None:
    assert await session(client) == {}

    answer = await sign_in(client, callbackUrl="/games/the-question")
    assert (answer.status_code, answer.headers["location"]) == (302, "/games/the-question")
    seen = await session(client)
    assert seen["user"] == {"id": account.id, "name": "Ada", "email": EMAIL, "image": None}
    left = datetime.strptime(str(seen["expires"]), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)

    answer = await client.post("/api/auth/signout", data={"csrfToken": await csrf_token(client)})
    assert (answer.status_code, answer.headers["location"]) == (302, "/")
    assert tokens.COOKIE not in client.cookies
    assert await session(client) == {}


async def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(
    client: httpx.AsyncClient, account: Account
) -> None:
    answer = await sign_in(client)
    morsel = SimpleCookie(answer.headers["set-cookie"])[tokens.COOKIE]
    assert morsel["httponly"]
    assert morsel["samesite"].lower() == "lax"
    assert morsel["path"] == "/"
    assert morsel["max-age"] == str(30 * 24 * 3600)
    assert not morsel["secure"]  # the public URL of the tests is http


async def test_an_email_address_is_the_same_in_any_case(client: httpx.AsyncClient, account: Account) -> None:
    await sign_in(client, email="Ada@Example.ORG")
    assert (await session(client))["user"]


async def test_wrong_credentials_lead_back_to_the_form(client: httpx.AsyncClient, account: Account) -> None:
    for fields in ({"password": "wrong horse"}, {"email": "eve@example.org"}, {"password": ""}):
        answer = await sign_in(client, **fields)
        assert (answer.status_code, answer.headers["location"]) == (302, "/signin?error=CredentialsSignin"), fields
        assert await session(client) == {}, fields


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"json": "true"}, {}),
        ({}, {"accept": "application/json"}),
        ({}, {"x-auth-return-redirect": "1"}),
    ],
)
async def test_a_script_gets_json_instead_of_a_redirect(
    client: httpx.AsyncClient, account: Account, fields: dict[str, str], headers: dict[str, str]
) -> None:
    client.headers.update(headers)
    refused = await sign_in(client, password="wrong horse", **fields)
    assert refused.status_code == 401
    assert refused.json() == {
        "error": "unauthorized",
        "message": "The e-mail address or the password is wrong.",
        "url": "http://127.0.0.1:8000/signin?error=CredentialsSignin",
    }
    accepted = await sign_in(client, callbackUrl="http://127.0.0.1:8000/games", **fields)
    assert (accepted.status_code, accepted.json()) == (200, {"url": "http://127.0.0.1:8000/games"})
    assert (await session(client))["user"]


async def test_a_sign_in_never_leads_to_another_site(
    new_client: Callable[[], httpx.AsyncClient], account: Account
) -> None:
    for url in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        assert (await sign_in(new_client(), callbackUrl=url)).headers["location"] == "/", url


async def test_a_sign_in_without_its_csrf_token_is_refused(client: httpx.AsyncClient, account: Account) -> None:
    for token in ("", "0" * 64):
        answer = await sign_in(client, csrfToken=token)
        assert (answer.status_code, answer.headers["location"]) == (302, "/signin?error=MissingCSRF")
    answer = await sign_in(client, csrfToken="", json="true")
    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
    assert await session(client) == {}


async def test_a_csrf_token_is_worth_nothing_without_its_cookie(
    new_client: Callable[[], httpx.AsyncClient], account: Account
) -> None:
    stolen = await csrf_token(new_client())
    answer = await new_client().post(
        "/api/auth/callback/credentials", data={"email": EMAIL, "password": PASSWORD, "csrfToken": stolen}
    )
    assert answer.headers["location"] == "/signin?error=MissingCSRF"


async def test_the_csrf_token_stays_the_same_while_its_cookie_lives(client: httpx.AsyncClient) -> None:
    assert await csrf_token(client) == await csrf_token(client)


async def test_signing_out_needs_the_csrf_token(signed_in: SignedIn) -> None:
    client = await signed_in()
    answer = await client.post("/api/auth/signout", data={"csrfToken": "0" * 64})
    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
    assert (await session(client))["user"]


async def test_a_token_that_was_signed_out_is_worthless_wherever_it_was_copied(
    client: httpx.AsyncClient, new_client: Callable[[], httpx.AsyncClient], account: Account, services: Services
) -> None:
    await sign_in(client)
    thief = new_client()
    thief.cookies.set(tokens.COOKIE, client.cookies[tokens.COOKIE])
    assert (await session(thief))["user"]
    await client.post("/api/auth/signout", data={"csrfToken": await csrf_token(client)})
    assert await session(thief) == {}
    assert (await thief.get("/api/games")).status_code == 401


async def test_signing_out_twice_is_the_same(account: Account, services: Services) -> None:
    token, other = await services.accounts.issue_token(account), await services.accounts.issue_token(account)
    await services.accounts.sign_out(token)
    await services.accounts.sign_out(token)
    await services.accounts.sign_out("no token")
    assert await services.accounts.authenticate(token) is None
    assert await services.accounts.authenticate(other) is not None


class Fast(datetime):
    """The clock of a machine that is a year ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime.now(tz) + timedelta(days=365)


async def test_a_replica_whose_clock_is_wrong_signs_nobody_out(
    account: Account, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 9: when a device's time is over the database's clock says."""
    before = await services.accounts.issue_token(account)
    monkeypatch.setattr(service, "datetime", Fast)
    assert await services.accounts.authenticate(await services.accounts.issue_token(account)) is not None
    assert await services.accounts.authenticate(before) is not None


async def test_a_sign_in_forgets_devices_whose_time_is_over_and_keeps_a_bounded_number(
    account: Account, services: Services
) -> None:
    now = datetime.now(UTC)
    async with services.database.write() as writing:
        over = now - timedelta(seconds=1)
        writing.add(Device(id="tokold", account_id=account.id, name="", signed_in_at=over, expires_at=over))
        writing.add_all(
            Device(
                id=f"tok{number}",
                account_id=account.id,
                name="",
                signed_in_at=now - timedelta(hours=number),
                expires_at=now + timedelta(days=1),
            )
            for number in range(MOST_DEVICES)
        )
    await services.accounts.issue_token(account)
    async with services.database.read() as reading:
        kept = set(await reading.scalars(select(Device.id)))
    assert len(kept) == MOST_DEVICES
    assert kept.isdisjoint({"tokold", f"tok{MOST_DEVICES - 1}"}), "the expired one and the oldest give way"


async def test_an_expired_or_foreign_token_is_nobody(
    client: httpx.AsyncClient, account: Account, services: Services
) -> None:
    expired = tokens.issue(account, "tok1", services.installation, datetime.now(UTC) - timedelta(days=31))
    for token in (expired, "nonsense", "a.b.c"):
        client.cookies.set(tokens.COOKIE, token)
        assert await session(client) == {}
        answer = await client.get("/api/games")
        assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")


async def test_a_suspended_account_is_out_at_once_and_cannot_come_back(
    client: httpx.AsyncClient, account: Account, services: Services
) -> None:
    await sign_in(client)
    async with services.database.write() as writing:
        await writing.execute(update(AccountRow).values(state=AccountState.SUSPENDED))
    assert await session(client) == {}
    assert (await sign_in(client)).headers["location"] == "/signin?error=CredentialsSignin"


async def test_a_bcrypt_hash_is_upgraded_at_the_first_sign_in(
    client: httpx.AsyncClient, account: Account, services: Services
) -> None:
    async with services.database.write() as writing:
        outdated = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        await writing.execute(update(AccountRow).values(password_hash=outdated))
    for _ in "12":
        assert (await sign_in(client)).headers["location"] == "/"
        async with services.database.read() as reading:
            hashed = (await reading.execute(select(AccountRow.password_hash))).scalar_one()
        assert hashed is not None
        assert hashed.startswith("$argon2id$")


async def test_too_many_tries_are_refused_until_the_window_ends(
    client: httpx.AsyncClient, account: Account, services: Services
) -> None:
    now = datetime.now(UTC)
    for _ in range(limits.SIGN_IN.tries):
        await Throttle(services.database).count(limits.SIGN_IN, "127.0.0.1", EMAIL)
    assert (await sign_in(client)).headers["location"] == "/signin?error=RateLimited"
    refused = await sign_in(client, json="true")
    assert (refused.status_code, refused.json()["error"]) == (429, "rate_limited")
    assert 0 < int(refused.headers["retry-after"]) <= 15 * 60

    async with services.database.write() as writing:
        await writing.execute(update(Tries).values(ends_at=now - timedelta(seconds=1)))
    assert (await sign_in(client)).headers["location"] == "/"


async def test_a_success_ends_the_count_of_its_address_and_email(
    client: httpx.AsyncClient, account: Account, services: Services
) -> None:
    for _ in range(limits.SIGN_IN.tries - 1):
        await Throttle(services.database).count(limits.SIGN_IN, "127.0.0.1", EMAIL)
    for _ in "12":
        assert (await sign_in(client)).headers["location"] == "/"


async def test_the_throttle_keeps_no_address(client: httpx.AsyncClient, services: Services) -> None:
    await sign_in(client)
    async with services.database.read() as reading:
        keys = (await reading.execute(select(Tries.key))).scalars().all()
    assert keys
    assert not any("127.0.0.1" in key or "ada" in key for key in keys)


async def test_whoever_registers_is_signed_in(client: httpx.AsyncClient) -> None:
    fields = {"email": "Grace@Example.org", "password": "long enough", "name": " Grace "}
    answer = await client.post("/api/auth/register", json=fields | {"csrfToken": await csrf_token(client)})
    assert answer.status_code == 201
    assert answer.json() == await session(client)
    assert answer.json()["user"]["email"] == "grace@example.org"
    assert answer.json()["user"]["name"] == "Grace"


async def test_registering_by_form_leads_onward(client: httpx.AsyncClient) -> None:
    fields = {"email": EMAIL, "password": "long enough", "name": "Ada", "callbackUrl": "/games"}
    answer = await client.post("/api/auth/register", data=fields | {"csrfToken": await csrf_token(client)})
    assert (answer.status_code, answer.headers["location"]) == (302, "/games")
    assert (await session(client))["user"]


async def test_a_registration_that_cannot_be_names_its_field(client: httpx.AsyncClient) -> None:
    good: dict[str, object] = {"email": EMAIL, "password": "long enough", "name": "Ada"}
    wrong: list[tuple[str, object]] = [
        ("password", "short"),
        ("email", "nobody"),
        ("email", "a b@example.org"),
        ("email", "a\0b@example.org"),
        ("name", "A\0"),
        ("name", "  "),
        ("name", 7),
    ]
    for field, value in wrong:
        body = good | {field: value, "csrfToken": await csrf_token(client)}
        answer = await client.post("/api/auth/register", json=body)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), (field, value)
        assert answer.json()["message"].startswith(f"{field}: "), value
        if isinstance(body["name"], str):
            answer = await client.post("/api/auth/register", data=body)
            assert answer.headers["location"] == "/register?error=InvalidFields", (field, value)


@pytest.mark.parametrize("password", ["password1234", "Lovelace1815", "grace.lovelace"])
async def test_a_password_that_is_easy_to_guess_is_refused(client: httpx.AsyncClient, password: str) -> None:
    fields = {"email": "grace@example.org", "password": password, "name": "Grace Lovelace"}
    body = fields | {"csrfToken": await csrf_token(client)}
    answer = await client.post("/api/auth/register", json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "guessable_password")
    assert "a few words" in answer.json()["message"]
    answer = await client.post("/api/auth/register", data=body)
    assert answer.headers["location"] == "/register?error=GuessablePassword"
    assert "easy to guess" in (await client.get("/register?error=GuessablePassword")).text
    assert await session(client) == {}


async def test_a_password_from_before_it_was_refused_goes_on(
    client: httpx.AsyncClient, account: Account, services: Services
) -> None:
    outdated = bcrypt.hashpw(b"password1234", bcrypt.gensalt(4)).decode()
    async with services.database.write() as writing:
        await writing.execute(update(AccountRow).values(password_hash=outdated))
    for _ in "12":  # first with the hash that is outdated, then with its upgrade
        assert (await sign_in(client, password="password1234")).headers["location"] == "/"


async def test_an_email_address_has_one_account(client: httpx.AsyncClient, account: Account) -> None:
    fields = {"email": EMAIL.upper(), "password": "long enough", "name": "Eve"}
    answer = await client.post("/api/auth/register", json=fields | {"csrfToken": await csrf_token(client)})
    assert (answer.status_code, answer.json()["error"]) == (409, "email_taken")
    answer = await client.post("/api/auth/register", data=fields | {"csrfToken": await csrf_token(client)})
    assert answer.headers["location"] == "/register?error=EmailTaken"


async def test_registering_needs_the_csrf_token(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/auth/register", json={"email": EMAIL, "password": "long enough", "name": "Ada"})
    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")


async def test_an_admin_is_known_by_the_database_not_by_the_token(services: Services, account: Account) -> None:
    token = await services.accounts.issue_token(account)
    async with services.database.write() as writing:
        await writing.execute(update(AccountRow).values(role=Role.ADMIN))
    found = await services.accounts.authenticate(token)
    assert found is not None
    assert found.account.role is Role.ADMIN
    assert found.account.owner == f"account:{account.id}"
