"""The headers that keep our answers ours: no foreign script or style, no frame around them, no address leaked."""

import re
from collections.abc import Awaitable, Callable, Collection

from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

_POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' data: blob:",  # the game's cursor is a data: picture
    "media-src": "'self' blob:",
    "frame-src": "'none'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}

_CONNECT_TO_HOSTS = "'self' https: http:"  # a game host's signalling is on an origin of its own
_POLICY_OF_NO_PAGE = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_YEAR_S = 365 * 86400

_ORIGIN = re.compile(r"https?://[a-z0-9.:\[\]_-]+")


def _policy(**other: str) -> str:
    chosen = _POLICY | {name.replace("_", "-"): sources for name, sources in other.items()}
    return "; ".join(f"{name} {sources}" for name, sources in chosen.items())


PAGE_HEADERS = {
    "Content-Security-Policy": _policy(),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "private, no-store",  # a page names who is signed in
}
PLAYING_HEADERS = PAGE_HEADERS | {"Content-Security-Policy": _policy(connect_src=_CONNECT_TO_HOSTS)}
"""For a page that speaks to game hosts."""


def embed_headers(origins: Collection[str]) -> dict[str, str]:
    """For a page that pages of these origins may frame, `*` for every page. Its address is told to nobody: it has a
    token.
    """
    listed = sorted(origin for origin in origins if origin == "*" or _ORIGIN.fullmatch(origin))
    headers = PAGE_HEADERS | {
        "Content-Security-Policy": _policy(frame_ancestors=" ".join(listed) or "'none'", connect_src=_CONNECT_TO_HOSTS),
        "Referrer-Policy": "no-referrer",
    }
    return {name: value for name, value in headers.items() if name != "X-Frame-Options"}


def guarding(*, is_secure: bool) -> Callable[[Message, Scope], Awaitable[None]]:
    """A hook that gives every answer of ours, an unknown address's as well, what it does not say itself: that it is no
    page, is shown in no frame, is for our own origin, and, where browsers reach us by TLS, that they always shall.
    """

    async def guard(message: Message, _scope: Scope) -> None:
        if message["type"] != "http.response.start":
            return
        headers = MutableScopeHeaders.from_message(message)
        if "content-security-policy" not in headers:
            headers["Content-Security-Policy"] = _POLICY_OF_NO_PAGE
            headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers.setdefault("Referrer-Policy", "no-referrer")
        headers.setdefault("X-Content-Type-Options", "nosniff")
        if is_secure:
            headers.setdefault("Strict-Transport-Security", f"max-age={_YEAR_S}")

    return guard
