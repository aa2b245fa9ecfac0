"""Signing in through another house's door: OpenID Connect with a code, PKCE, state and nonce (Google, or any provider).

It says who came back from there, never whose account that is. What is fetched is bounded in time and size.
"""

import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.rfc6749.parameters import (
    parse_authorization_code_response,
    prepare_grant_uri,
    prepare_token_request,
)
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt as jose
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from orchestrator.accounts.account import EMAIL_PATTERN, MOST_EMAIL_CHARACTERS
from orchestrator.settings import Settings

CALLBACK = "/api/auth/callback/google"
TIMEOUT_S = 10.0
METADATA_LIFE_S = 3600.0
MOST_BYTES = 256 * 1024
LEEWAY_S = 60
_ALGORITHMS = ["RS256", "ES256", "EdDSA"]


class OpenIdFailed(Exception):
    """The provider is away, refused, or said something that cannot be trusted."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a browser carries there and back; only its own return fits."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who came back. `subject` is the provider's own, and for ever the same."""

    issuer: str
    subject: str
    email: str
    is_email_verified: bool
    name: str
    picture: str | None


def google_of(settings: Settings) -> "OpenIdProvider | None":
    """Google as `settings` name it; None without a client there."""
    if not settings.has_google:
        return None
    secret = settings.google_client_secret.get_secret_value()
    return OpenIdProvider(settings.google_issuer, settings.google_client_id, secret, settings.public_url + CALLBACK)


class OpenIdProvider:
    """`redirect_url` is ours, as it was registered there."""

    def __init__(self, issuer: str, client_id: str, client_secret: str, redirect_url: str) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._redirect_url = redirect_url
        self._metadata: tuple[float, Mapping[str, Any]] | None = None

    async def begin(self) -> tuple[str, Attempt]:
        """Where to send the browser. `OpenIdFailed`."""
        attempt = Attempt(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))
        async with _http() as http:
            endpoint = _text(await self._about(http), "authorization_endpoint")
        url = prepare_grant_uri(
            endpoint,
            self._client_id,
            "code",
            redirect_uri=self._redirect_url,
            scope="openid email profile",
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
        )
        return url, attempt

    async def finish(self, attempt: Attempt, returned_to: str) -> Identity:
        """Who came back to the address `returned_to`. `OpenIdFailed`."""
        try:
            code = parse_authorization_code_response(returned_to, state=attempt.state)["code"]
        except AuthlibBaseError as error:
            raise OpenIdFailed(f"the provider sent back no code for this attempt ({error.error})") from error
        async with _http() as http:
            metadata = await self._about(http)
            token = await self._token(http, _text(metadata, "token_endpoint"), code, attempt.verifier)
            keys = await _json(http, "GET", _text(metadata, "jwks_uri"))
        return self._identity(token, keys, attempt.nonce)

    async def _about(self, http: aiohttp.ClientSession) -> Mapping[str, Any]:
        """Where its doors are, asked for at most once an hour."""
        if self._metadata is not None and time.monotonic() - self._metadata[0] < METADATA_LIFE_S:
            return self._metadata[1]
        metadata = await _json(http, "GET", f"{self._issuer}/.well-known/openid-configuration")
        if metadata.get("issuer") != self._issuer:
            raise OpenIdFailed("the provider says it is another one")
        self._metadata = time.monotonic(), metadata
        return metadata

    async def _token(self, http: aiohttp.ClientSession, endpoint: str, code: str, verifier: str) -> Mapping[str, Any]:
        body = prepare_token_request(
            "authorization_code",
            redirect_uri=self._redirect_url,
            code=code,
            code_verifier=verifier,
            client_id=self._client_id,
            client_secret=self._client_secret,
        )
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return await _json(http, "POST", endpoint, data=body, headers=headers)

    def _identity(self, token: Mapping[str, Any], keys: Any, nonce: str) -> Identity:
        try:
            proven = jose.decode(_text(token, "id_token"), KeySet.import_key_set(keys), algorithms=_ALGORITHMS)
            claims = CodeIDToken(
                proven.claims,
                proven.header,
                {
                    "iss": {"essential": True, "value": self._issuer},
                    "aud": {"essential": True, "value": self._client_id},
                },
                {"nonce": nonce, "client_id": self._client_id, "access_token": token.get("access_token")},
            )
            claims.validate(leeway=LEEWAY_S)
        except (JoseError, AuthlibBaseError, ValueError, TypeError, KeyError) as error:
            raise OpenIdFailed(f"its token cannot be trusted: {type(error).__name__}") from error
        email, name, picture = (claims.get(claim) for claim in ("email", "name", "picture"))
        if not isinstance(email, str) or not re.fullmatch(EMAIL_PATTERN, email) or len(email) > MOST_EMAIL_CHARACTERS:
            raise OpenIdFailed("it told no e-mail address")
        return Identity(
            issuer=self._issuer,
            subject=str(claims["sub"])[:255],
            email=email.lower(),
            is_email_verified=claims.get("email_verified") is True,
            name=name if isinstance(name, str) else "",
            picture=picture if isinstance(picture, str) and picture.startswith("https://") else None,
        )


def _http() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))


async def _json(http: aiohttp.ClientSession, method: str, url: str, **options: Any) -> Mapping[str, Any]:
    try:
        async with http.request(method, url, allow_redirects=False, **options) as response:
            content = await response.content.read(MOST_BYTES)
            while not response.content.at_eof() and len(content) < MOST_BYTES:
                content += await response.content.read(MOST_BYTES - len(content))
            if response.status != 200:
                raise OpenIdFailed(f"the provider answered {response.status}")
            answer = json.loads(content)
    except (TimeoutError, aiohttp.ClientError, ValueError) as error:
        raise OpenIdFailed(f"the provider cannot be asked: {type(error).__name__}") from error
    if not isinstance(answer, dict):
        raise OpenIdFailed("the provider answered no object")
    return answer


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str):
        raise OpenIdFailed(f"the provider told no {name}")
    return value
