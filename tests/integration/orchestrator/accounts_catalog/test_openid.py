"""Signing in with Google, against an OpenID provider of the test's own: the real protocol over real HTTP."""

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
from aiohttp import web
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt as jose
from joserfc.jwk import RSAKey
from litestar import Litestar
from sqlalchemy import func, select, update

from orchestrator.accounts import tokens
from orchestrator.accounts.account import AccountState
from orchestrator.accounts.federation import Federation
from orchestrator.accounts.models import AccountRow, LinkedIdentity
from orchestrator.accounts.openid import CALLBACK, OpenIdProvider
from orchestrator.accounts.openid_controllers import COOKIE
from orchestrator.errors import Unauthorized
from orchestrator.services import Services
from orchestrator.settings import Settings

EMAIL, PASSWORD = "ada@example.org", "correct horse"
CLIENT_ID, CLIENT_SECRET = "playhouse", "s3cret"


KEY = RSAKey.generate_key(2048, {"kid": "one"}, auto_kid=False)


class Provider:
    """Says what a test wants it to say of whoever comes, and holds its clients to the protocol."""

    def __init__(self) -> None:
        self.key = self.signing_key = KEY
        self.claims: dict[str, Any] = {"sub": "g-1", "email": EMAIL, "email_verified": True, "name": "Ada L."}
        self.wrong_claims: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.url = ""
        self.refusals: list[str] = []

    def application(self) -> web.Application:
        application = web.Application()
        application.add_routes(
            [
                web.get("/.well-known/openid-configuration", self.about),
                web.get("/keys", self.keys),
                web.post("/token", self.token),
            ]
        )
        return application

    async def about(self, _: web.Request) -> web.Response:
        doors = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return web.json_response({"issuer": self.url, **{name: f"{self.url}/{path}" for name, path in doors.items()}})

    async def keys(self, _: web.Request) -> web.Response:
        return web.json_response({"keys": [self.key.as_dict(private=False)]})

    def consent(self, url: str, **changes: str) -> str:
        """What a person does at the authorization endpoint: the query with which the browser is sent back."""
        asked = dict(parse_qsl(urlsplit(url).query))
        assert url.startswith(f"{self.url}/authorize?")
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT_ID)
        assert asked["code_challenge_method"] == "S256"
        assert {"openid", "email"} <= set(asked["scope"].split())
        code = secrets.token_hex(8)
        self.codes[code] = asked
        return urlencode({"code": code, "state": asked["state"], **changes})

    async def token(self, request: web.Request) -> web.Response:
        sent = {name: str(value) for name, value in (await request.post()).items()}
        asked = self.codes.pop(sent.get("code", ""), None)
        if (
            asked is None
            or (sent["client_id"], sent["client_secret"]) != (CLIENT_ID, CLIENT_SECRET)
            or create_s256_code_challenge(sent["code_verifier"]) != asked["code_challenge"]
            or sent["redirect_uri"] != asked["redirect_uri"]
            or sent["grant_type"] != "authorization_code"
        ):
            self.refusals.append(str(sorted(sent)))
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(time.time())
        access_token = secrets.token_hex(8)
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "at_hash": base64.urlsafe_b64encode(half).decode().rstrip("="),
            **self.claims,
            **self.wrong_claims,
        }
        signed = jose.encode({"alg": "RS256", "kid": "one"}, claims, self.signing_key)
        return web.json_response({"access_token": access_token, "token_type": "Bearer", "id_token": signed})


@pytest.fixture
async def provider() -> AsyncGenerator[Provider]:
    provider = Provider()
    runner = web.AppRunner(provider.application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield provider
    await runner.cleanup()


@pytest.fixture
def google(app: Litestar, provider: Provider, settings: Settings) -> None:
    """The replica knows the provider."""
    app.state["google"] = OpenIdProvider(provider.url, CLIENT_ID, CLIENT_SECRET, f"{settings.public_url}{CALLBACK}")


async def go(client: httpx.AsyncClient, callback_url: str = "/") -> str:
    """To the provider: the address of its consent page."""
    answer = await client.get("/api/auth/signin/google", params={"callbackUrl": callback_url})
    assert answer.status_code == 302
    return answer.headers["location"]


async def come_back(client: httpx.AsyncClient, query: str) -> str:
    answer = await client.get(f"{CALLBACK}?{query}")
    assert answer.status_code == 302
    return answer.headers["location"]


async def sign_in(client: httpx.AsyncClient, provider: Provider) -> str:
    return await come_back(client, provider.consent(await go(client)))


async def who(client: httpx.AsyncClient) -> dict[str, Any]:
    return (await client.get("/api/auth/session")).json().get("user", {})


async def accounts_of(services: Services) -> int:
    async with services.database.read() as reading:
        return await reading.scalar(select(func.count()).select_from(AccountRow)) or 0


@pytest.mark.usefixtures("google")
async def test_a_new_person_gets_an_account_and_comes_back_to_where_they_were(
    client: httpx.AsyncClient, provider: Provider, services: Services
) -> None:
    there = await come_back(client, provider.consent(await go(client, "/games/the-question")))
    assert there == "/games/the-question"
    assert (await who(client))["email"] == EMAIL
    mine = (await client.get("/api/account")).json()
    assert (mine["name"], mine["hasPassword"], mine["emailVerified"]) == ("Ada L.", False, True)
    assert COOKIE not in client.cookies
    assert await accounts_of(services) == 1


@pytest.mark.usefixtures("google")
async def test_the_second_time_it_is_the_same_account_whatever_the_address(
    client: httpx.AsyncClient, new_client: Callable[[], httpx.AsyncClient], provider: Provider, services: Services
) -> None:
    await sign_in(client, provider)
    provider.claims |= {"email": "married@example.org", "email_verified": False}
    await sign_in(again := new_client(), provider)
    assert (await who(again)) == (await who(client))
    assert await accounts_of(services) == 1


@pytest.mark.usefixtures("google")
async def test_an_account_with_the_same_proven_address_is_linked(
    client: httpx.AsyncClient, provider: Provider, services: Services
) -> None:
    account = await services.accounts.create(EMAIL, PASSWORD, "Ada")
    provider.claims["email"] = EMAIL.upper()
    assert await sign_in(client, provider) == "/"
    assert (await who(client))["id"] == account.id


@pytest.mark.usefixtures("google")
async def test_an_account_that_never_proved_its_address_is_not_linked(
    client: httpx.AsyncClient, provider: Provider, services: Services
) -> None:
    """Somebody may have registered another one's address, and waits for its owner."""
    await services.accounts.create(EMAIL, PASSWORD, "Mallory", is_email_proven=False)
    assert await sign_in(client, provider) == "/signin?error=OAuthAccountNotLinked"
    assert await who(client) == {}


async def register(client: httpx.AsyncClient) -> None:
    token = (await client.get("/api/auth/csrf")).json()["csrfToken"]
    fields = {"email": EMAIL, "password": PASSWORD, "name": "Mallory", "csrfToken": token}
    assert (await client.post("/api/auth/register", json=fields)).status_code == 201


async def prove_address(services: Services) -> None:
    """As the letter does, whoever opens its link."""
    async with services.database.write() as writing:
        await writing.execute(update(AccountRow).values(email_verified_at=await services.database.now(writing)))


@pytest.mark.usefixtures("google")
async def test_whoever_registered_anothers_address_is_out_once_its_owner_comes(
    client: httpx.AsyncClient, new_client: Callable[[], httpx.AsyncClient], provider: Provider, services: Services
) -> None:
    await register(mallory := new_client())
    await prove_address(services)
    assert await sign_in(client, provider) == "/"
    assert (await client.get("/api/account")).json()["hasPassword"] is False
    assert (await mallory.get("/api/account")).status_code == 401
    with pytest.raises(Unauthorized):
        await services.accounts.sign_in(EMAIL, PASSWORD, address="127.0.0.1")
    assert await sign_in(again := new_client(), provider) == "/", "from now on by Google alone"
    assert (await client.get("/api/account")).status_code == 200, "another device signs nobody out"
    assert await who(again) == await who(client)


@pytest.mark.usefixtures("google")
async def test_whoever_was_linked_before_the_owner_of_the_address_came_is_linked_no_more(
    client: httpx.AsyncClient, new_client: Callable[[], httpx.AsyncClient], provider: Provider, services: Services
) -> None:
    account = await services.accounts.create(EMAIL, PASSWORD, "Mallory")
    async with services.database.write() as writing:
        now = await services.database.now(writing)
        writing.add(LinkedIdentity(issuer=provider.url, subject="g-666", account_id=account.id, linked_at=now))
    await sign_in(client, provider)
    assert (await who(client))["id"] == account.id
    provider.claims |= {"sub": "g-666", "email": "mallory@example.org"}
    await sign_in(mallory := new_client(), provider)
    assert (await who(mallory))["id"] != account.id


@pytest.mark.usefixtures("google")
async def test_two_windows_at_once_that_link_an_account_are_both_signed_in(
    new_client: Callable[[], httpx.AsyncClient], provider: Provider, services: Services
) -> None:
    await services.accounts.create(EMAIL, PASSWORD, "Ada")
    windows = [new_client() for _ in range(4)]
    queries = [provider.consent(await go(window)) for window in windows]
    await asyncio.gather(*(come_back(window, query) for window, query in zip(windows, queries, strict=True)))
    assert [(await window.get("/api/account")).status_code for window in windows] == [200] * 4


@pytest.mark.usefixtures("google")
async def test_an_address_that_the_provider_has_not_proven_opens_nothing(
    client: httpx.AsyncClient, provider: Provider, services: Services
) -> None:
    await services.accounts.create(EMAIL, PASSWORD, "Ada")
    for verified in (False, None, "true"):
        provider.claims["email_verified"] = verified
        assert await sign_in(client, provider) == "/signin?error=AccessDenied", verified
        assert await who(client) == {}, verified


@pytest.mark.usefixtures("google")
async def test_a_suspended_person_stays_out(client: httpx.AsyncClient, provider: Provider, services: Services) -> None:
    await sign_in(client, provider)
    async with services.database.write() as writing:
        await writing.execute(update(AccountRow).values(state=AccountState.SUSPENDED))
    client.cookies.delete(tokens.COOKIE)
    assert await sign_in(client, provider) == "/signin?error=AccessDenied"


@pytest.mark.usefixtures("google")
async def test_a_token_that_is_not_for_this_attempt_opens_nothing(
    client: httpx.AsyncClient, provider: Provider, services: Services
) -> None:
    attempts: list[dict[str, object]] = [
        {"iss": "https://evil.example"},
        {"aud": "another-client"},
        {"nonce": "another"},
        {"exp": 1},
        {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
        {"email": None},
        {"email": "no address"},
    ]
    for wrong in attempts:
        provider.wrong_claims = wrong
        assert await sign_in(client, provider) == "/signin?error=OAuthCallback", wrong
        assert await accounts_of(services) == 0, wrong


@pytest.mark.usefixtures("google")
async def test_a_token_signed_by_somebody_else_opens_nothing(client: httpx.AsyncClient, provider: Provider) -> None:
    provider.signing_key = RSAKey.generate_key(2048, {"kid": "one"}, auto_kid=False)
    assert await sign_in(client, provider) == "/signin?error=OAuthCallback"


@pytest.mark.usefixtures("google")
async def test_only_the_browser_that_went_comes_back(
    client: httpx.AsyncClient, new_client: Callable[[], httpx.AsyncClient], provider: Provider
) -> None:
    query = provider.consent(await go(client))
    victim = new_client()
    assert await come_back(victim, query) == "/signin?error=OAuthCallback"
    await go(victim)  # with an attempt of their own
    assert await come_back(victim, query) == "/signin?error=OAuthCallback"
    assert await who(victim) == {}
    assert await come_back(client, provider.consent(await go(client), state="another")) == "/signin?error=OAuthCallback"
    assert await come_back(client, "") == "/signin?error=OAuthCallback"


@pytest.mark.usefixtures("google")
async def test_a_code_that_was_stolen_is_worth_nothing_without_its_verifier(
    client: httpx.AsyncClient, new_client: Callable[[], httpx.AsyncClient], provider: Provider
) -> None:
    stolen = parse_qs(provider.consent(await go(client)))["code"][0]
    thief = new_client()
    own = parse_qs(urlsplit(await go(thief)).query)["state"][0]
    assert await come_back(thief, urlencode({"code": stolen, "state": own})) == "/signin?error=OAuthCallback"
    assert provider.refusals
    assert await who(thief) == {}


@pytest.mark.usefixtures("google")
async def test_who_says_no_there_is_back_at_the_door(client: httpx.AsyncClient, provider: Provider) -> None:
    await go(client)
    assert await come_back(client, "error=access_denied") == "/signin?error=AccessDenied"


@pytest.mark.usefixtures("google")
async def test_where_one_wanted_to_go_outlives_a_refusal(client: httpx.AsyncClient, app: Litestar) -> None:
    await go(client, "/games/the-question")
    there = "/signin?error=AccessDenied&callbackUrl=/games/the-question"
    assert await come_back(client, "error=access_denied") == there
    app.state["google"] = OpenIdProvider("http://127.0.0.1:9", CLIENT_ID, CLIENT_SECRET, "http://127.0.0.1:8000/x")
    assert await go(client, "/history") == "/signin?error=OAuthCallback&callbackUrl=/history"


@pytest.mark.usefixtures("google")
async def test_it_never_leads_to_another_site(client: httpx.AsyncClient, provider: Provider) -> None:
    assert await come_back(client, provider.consent(await go(client, "https://evil.example/"))) == "/"


@pytest.mark.usefixtures("google")
async def test_a_provider_that_is_another_one_or_away_is_told_at_the_door(
    client: httpx.AsyncClient, provider: Provider, app: Litestar
) -> None:
    for issuer in (f"{provider.url}/", "http://127.0.0.1:9"):
        app.state["google"] = OpenIdProvider(issuer, CLIENT_ID, CLIENT_SECRET, "http://127.0.0.1:8000/x")
        assert await go(client) == "/signin?error=OAuthCallback"


@pytest.mark.usefixtures("google")
async def test_where_sign_up_is_closed_only_known_people_come_in(
    client: httpx.AsyncClient, provider: Provider, services: Services, app: Litestar
) -> None:
    app.state["federation"] = Federation(services.database, may_make_accounts=False)
    assert await sign_in(client, provider) == "/signin?error=SignUpClosed"
    await services.accounts.create(EMAIL, PASSWORD, "Ada")
    assert await sign_in(client, provider) == "/"


@pytest.mark.usefixtures("google")
async def test_two_windows_at_once_make_one_account(
    new_client: Callable[[], httpx.AsyncClient], provider: Provider, services: Services
) -> None:
    windows = [new_client() for _ in range(4)]
    queries = [provider.consent(await go(window)) for window in windows]
    pairs = zip(windows, queries, strict=True)
    assert await asyncio.gather(*(come_back(window, query) for window, query in pairs)) == ["/"] * 4
    assert await accounts_of(services) == 1
    async with services.database.read() as reading:
        assert await reading.scalar(select(func.count()).select_from(LinkedIdentity)) == 1


async def test_without_a_client_it_is_not_there(client: httpx.AsyncClient) -> None:
    for path in ("/api/auth/signin/google", CALLBACK):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert "Google" not in (await client.get("/signin")).text


@pytest.mark.usefixtures("google")
async def test_the_pages_offer_it_and_know_who_has_no_password(
    client: httpx.AsyncClient, provider: Provider, services: Services, app: Litestar
) -> None:
    app.state["settings"] = services.settings.model_copy(update={"google_client_id": CLIENT_ID})
    for path in ("/", "/signin?callbackUrl=/history", "/register"):
        assert "/api/auth/signin/google?callbackUrl=/" in (await client.get(path)).text
    assert "exists already, and has not confirmed it" in (await client.get("/signin?error=OAuthAccountNotLinked")).text
    await sign_in(client, provider)
    page = (await client.get("/account")).text
    assert "Get the letter" in page
    assert "password-form" not in page


@pytest.mark.parametrize("wrong", [{"google_client_id": "x"}, {"google_issuer": "http://accounts.example"}])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="google"):
        Settings(**wrong)
