"""`/api/auth/signin/google` and the way back: HTTP only. Where no client is set, neither is there.

What belongs to an attempt travels in a cookie that we sign, for ten minutes; it opens nothing but its own return.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

import jwt
import structlog
from litestar import Controller, get
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Redirect

from orchestrator.accounts.cookies import session_cookie
from orchestrator.accounts.device_names import device_name
from orchestrator.accounts.federation import Federation
from orchestrator.accounts.openid import Attempt, OpenIdFailed, OpenIdProvider
from orchestrator.accounts.service import Accounts
from orchestrator.errors import ApiError, Conflict, Forbidden, NotFound, RateLimited
from orchestrator.http import MOST_RETURN_CHARACTERS, AnyRequest, address_of, local_path, origin_of, with_return
from orchestrator.installation import Installation
from orchestrator.settings import Settings

COOKIE = "playhouse.openid"
LIFETIME = timedelta(minutes=10)
_AUDIENCE = "openid"
_ALGORITHM = "HS256"
_FAILURES: Mapping[type[ApiError], str] = {
    Conflict: "OAuthAccountNotLinked",
    Forbidden: "SignUpClosed",
    RateLimited: "RateLimited",
}

CallbackUrl = Annotated[str, QueryParameter(name="callbackUrl", max_length=MOST_RETURN_CHARACTERS)]

log = structlog.get_logger()


class OpenIdController(Controller):
    path = "/api/auth"
    tags = ("Authentication",)

    @get("/signin/google", status_code=302, operation_id="signInWithGoogle")
    async def begin(
        self,
        request: AnyRequest,
        google: NamedDependency[OpenIdProvider | None],
        accounts: NamedDependency[Accounts],
        settings: NamedDependency[Settings],
        callback_url: CallbackUrl = "/",
    ) -> Redirect:
        """To Google, which sends the browser back to `/api/auth/callback/google`."""
        path = local_path(callback_url, settings.public_url, origin_of(request))
        try:
            url, attempt = await _required(google).begin()
        except OpenIdFailed as error:
            return _failed(settings, path, "OAuthCallback", error)
        cookie = _cookie(settings, _signed(attempt, path, accounts.installation), LIFETIME)
        return Redirect(url, status_code=302, cookies=[cookie])

    @get("/callback/google", status_code=302, operation_id="googleCallback")
    async def finish(
        self,
        request: AnyRequest,
        google: NamedDependency[OpenIdProvider | None],
        federation: NamedDependency[Federation],
        accounts: NamedDependency[Accounts],
        settings: NamedDependency[Settings],
    ) -> Redirect:
        """Sets the session cookie and redirects to where the person wanted to go, or to `/signin?error=`."""
        provider = _required(google)
        attempt, path = _read(request.cookies.get(COOKIE), accounts.installation)
        if attempt is None:
            return _failed(settings, path, "OAuthCallback", "no attempt of this browser")
        if "error" in request.query_params:
            return _failed(settings, path, "AccessDenied", "the person or the provider said no")
        try:
            await accounts.count_sign_in(address_of(request))
            identity = await provider.finish(attempt, str(request.url))
            account = await federation.account_for(identity)
        except OpenIdFailed as error:
            return _failed(settings, path, "OAuthCallback", error)
        except ApiError as error:
            return _failed(settings, path, _FAILURES.get(type(error), "AccessDenied"), error)
        token = await accounts.issue_token(account, device_name(request.headers.get("user-agent")))
        cookies = [session_cookie(settings, token), _cookie(settings, "", timedelta())]
        return Redirect(path, status_code=302, cookies=cookies)


def _required(google: OpenIdProvider | None) -> OpenIdProvider:
    if google is None:
        raise NotFound("There is no sign-in with Google here.")
    return google


def _signed(attempt: Attempt, path: str, installation: Installation) -> str:
    claims = {
        "iss": installation.installation_id,
        "aud": _AUDIENCE,
        "exp": datetime.now(UTC) + LIFETIME,
        "state": attempt.state,
        "nonce": attempt.nonce,
        "verifier": attempt.verifier,
        "path": path,
    }
    return jwt.encode(claims, installation.cookie_secret, algorithm=_ALGORITHM)


def _read(cookie: str | None, installation: Installation) -> tuple[Attempt | None, str]:
    try:
        claims = jwt.decode(
            cookie or "",
            installation.cookie_secret,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            issuer=installation.installation_id,
            options={"require": ["exp", "state", "nonce", "verifier", "path"]},
        )
    except jwt.InvalidTokenError:
        return None, "/"
    return Attempt(claims["state"], claims["nonce"], claims["verifier"]), claims["path"]


def _failed(settings: Settings, path: str, code: str, why: object) -> Redirect:
    log.info("sign_in.openid_failed", code=code, why=str(why))
    address = with_return(f"/signin?error={code}", path)
    return Redirect(address, status_code=302, cookies=[_cookie(settings, "", timedelta())])


def _cookie(settings: Settings, value: str, lifetime: timedelta) -> Cookie:
    return Cookie(
        key=COOKIE,
        value=value,
        path="/api/auth",
        httponly=True,
        samesite="lax",
        secure=settings.is_secure,
        max_age=int(lifetime.total_seconds()),
    )
