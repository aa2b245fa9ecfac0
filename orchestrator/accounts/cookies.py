"""The cookies of people: out of reach of scripts, sent by no other site's forms."""

from litestar.datastructures import Cookie

from orchestrator.accounts import tokens
from orchestrator.settings import Settings


def session_cookie(settings: Settings, token: str) -> Cookie:
    """For as long as the token lives; an empty `token` takes the cookie back."""
    lifetime_s = int(tokens.LIFETIME.total_seconds()) if token else 0
    return cookie_of(settings, tokens.COOKIE, token, max_age_s=lifetime_s)


def cookie_of(settings: Settings, name: str, value: str, max_age_s: int | None = None) -> Cookie:
    return Cookie(
        key=name, value=value, path="/", httponly=True, samesite="lax", secure=settings.is_secure, max_age=max_age_s
    )
