"""Who visits a page, and how it is answered: with who is signed in, the CSRF token of its forms, and the headers that
keep it ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.enums import MediaType
from litestar.response import Redirect, Template

from orchestrator.accounts import csrf
from orchestrator.accounts.account import Account
from orchestrator.accounts.dependencies import provide_optional_account
from orchestrator.accounts.service import Accounts
from orchestrator.http import AnyRequest, with_return
from orchestrator.settings import Settings
from orchestrator.web.security import PAGE_HEADERS, PLAYING_HEADERS


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for a page. `account` is None when nobody is signed in."""

    request: AnyRequest
    account: Account | None
    accounts: Accounts
    settings: Settings

    def page(self, name: str, **context: object) -> Template:
        """The template of this name, filled in with `context` and with what all pages show. It speaks to us alone."""
        return self._page(name, PAGE_HEADERS, context)

    def playing_page(self, name: str, **context: object) -> Template:
        """The same for one that speaks to game hosts."""
        return self._page(name, PLAYING_HEADERS, context)

    def _page(self, name: str, headers: dict[str, str], context: Mapping[str, object]) -> Template:
        secret = self.accounts.installation.cookie_secret
        cookie = self.request.cookies.get(csrf.COOKIE)
        cookies: list[Cookie] = []
        if cookie is None or csrf.token_of(cookie, secret) is None:
            cookie = csrf.new_cookie(secret)
            is_secure = self.settings.is_secure
            cookies = [Cookie(csrf.COOKIE, value=cookie, path="/", httponly=True, samesite="lax", secure=is_secure)]
        return Template(
            name,
            context={
                "account": self.account,
                "csrf_token": csrf.token_of(cookie, secret),
                "open_sign_up": self.settings.open_sign_up,
                "has_mail_server": self.settings.has_mail_server,
                "has_google": self.settings.has_google,
                **context,
            },
            cookies=cookies,
            headers=headers,
            media_type=MediaType.HTML,
        )

    def has_csrf_token(self, submitted: object) -> bool:
        """Whether a form's token is that of the page which it was on."""
        cookie = self.request.cookies.get(csrf.COOKIE)
        return csrf.is_valid(submitted, cookie, self.accounts.installation.cookie_secret)

    def to_sign_in(self) -> Redirect:
        """To the sign-in, and from there back to this page."""
        return to_sign_in(self.request)


def to_sign_in(request: AnyRequest) -> Redirect:
    """The door, and back to this page from there."""
    return Redirect(with_return("/signin", request.url.path), status_code=302)


async def provide_visit(
    request: AnyRequest, accounts: NamedDependency[Accounts], settings: NamedDependency[Settings]
) -> Visit:
    return Visit(request, await provide_optional_account(request), accounts, settings)
