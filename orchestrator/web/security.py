"""The headers that keep our pages ours: no foreign script or style, no frame around them, no address leaked."""

import re
from collections.abc import Collection

_POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self' https: http:",  # a game host's signalling is on an origin of its own
    "img-src": "'self' data: blob:",  # the game's cursor is a data: picture
    "media-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}

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


def embed_headers(origins: Collection[str]) -> dict[str, str]:
    """For a page that pages of these origins may frame, `*` for every page. Its address is told to nobody: it has a
    token.
    """
    listed = sorted(origin for origin in origins if origin == "*" or _ORIGIN.fullmatch(origin))
    headers = PAGE_HEADERS | {
        "Content-Security-Policy": _policy(frame_ancestors=" ".join(listed) or "'none'"),
        "Referrer-Policy": "no-referrer",
    }
    return {name: value for name, value in headers.items() if name != "X-Frame-Options"}
