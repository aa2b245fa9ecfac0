"""The CSRF token of the form posts under `/api/auth`: a double submit, as NextAuth does it.

The cookie holds `token|sha256(token + secret)`; the form repeats the token. A foreign site can neither read the cookie
nor make one that fits. Pure: cookies come in and go out as text.
"""

import secrets
from hashlib import sha256
from hmac import compare_digest

COOKIE = "next-auth.csrf-token"


def new_cookie(secret: bytes) -> str:
    return _cookie(secrets.token_hex(32), secret)


def token_of(cookie: str | None, secret: bytes) -> str | None:
    """The token of a cookie that we made, None of any other."""
    if cookie is None:
        return None
    token = cookie.partition("|")[0]
    return token if compare_digest(cookie.encode(), _cookie(token, secret).encode()) else None


def is_valid(submitted: object, cookie: str | None, secret: bytes) -> bool:
    """Whether a form's token is the one of its cookie."""
    token = token_of(cookie, secret)
    return token is not None and isinstance(submitted, str) and compare_digest(submitted.encode(), token.encode())


def _cookie(token: str, secret: bytes) -> str:
    return f"{token}|{sha256(token.encode() + secret).hexdigest()}"
