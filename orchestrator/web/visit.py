"""Who visits a page, and what every page needs beside it."""

from dataclasses import dataclass

from litestar.di import NamedDependency
from litestar.response import Redirect, Template

from orchestrator.accounts import csrf
from orchestrator.accounts.account import Account
from orchestrator.accounts.dependencies import provide_optional_account
from orchestrator.accounts.service import Accounts
from orchestrator.http import AnyRequest
from orchestrator.settings import Settings
from orchestrator.web.page import render, to_sign_in


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for a page. `account` is None when nobody is signed in."""

    request: AnyRequest
    account: Account | None
    accounts: Accounts
    settings: Settings

    def page(self, name: str, **context: object) -> Template:
        """The template of this name, filled in with `context` and with what all pages show."""
        return render(name, self.request, self.accounts, self.settings, self.account, context)

    def has_csrf_token(self, submitted: object) -> bool:
        """Whether a form's token is that of the page which it was on."""
        cookie = self.request.cookies.get(csrf.COOKIE)
        return csrf.is_valid(submitted, cookie, self.accounts.installation.cookie_secret)

    def to_sign_in(self) -> Redirect:
        """To the sign-in, and from there back to this page."""
        return to_sign_in(self.request)


async def provide_visit(
    request: AnyRequest, accounts: NamedDependency[Accounts], settings: NamedDependency[Settings]
) -> Visit:
    return Visit(request, await provide_optional_account(request), accounts, settings)
