"""How every page is answered: with who is signed in, the CSRF token of its forms, and the headers that keep it ours."""

from collections.abc import Mapping

from litestar.datastructures import Cookie
from litestar.enums import MediaType
from litestar.response import Redirect, Template

from orchestrator.accounts import csrf
from orchestrator.accounts.account import Account
from orchestrator.accounts.service import Accounts
from orchestrator.http import AnyRequest, with_return
from orchestrator.settings import Settings
from orchestrator.web.security import PAGE_HEADERS


def render(
    name: str,
    request: AnyRequest,
    accounts: Accounts,
    settings: Settings,
    account: Account | None,
    context: Mapping[str, object],
) -> Template:
    """A page with what all need: who is signed in, and the CSRF token of its forms with its cookie."""
    secret = accounts.installation.cookie_secret
    cookie = request.cookies.get(csrf.COOKIE)
    cookies: list[Cookie] = []
    if cookie is None or csrf.token_of(cookie, secret) is None:
        cookie = csrf.new_cookie(secret)
        is_secure = settings.is_secure
        cookies = [Cookie(csrf.COOKIE, value=cookie, path="/", httponly=True, samesite="lax", secure=is_secure)]
    return Template(
        name,
        context={
            "account": account,
            "csrf_token": csrf.token_of(cookie, secret),
            "open_sign_up": settings.open_sign_up,
            "has_mail_server": settings.has_mail_server,
            "has_google": settings.has_google,
            **context,
        },
        cookies=cookies,
        headers=PAGE_HEADERS,
        media_type=MediaType.HTML,
    )


def to_sign_in(request: AnyRequest) -> Redirect:
    """The door, and back to this page from there."""
    return Redirect(with_return("/signin", request.url.path), status_code=302)
