"""The pages people visit, and their static files. Pages show who is signed in, and the library its games; all else they
load from the API.
"""

from asyncio import to_thread
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from litestar import Controller, Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect, Template

from orchestrator.accounts import limits, passwords
from orchestrator.accounts.my_account import MyAccount
from orchestrator.catalog.service import Catalog
from orchestrator.errors import NotFound
from orchestrator.http import MOST_RETURN_CHARACTERS, AnyRequest, local_path
from orchestrator.limits.throttle import Limit
from orchestrator.tenants.members import TenantMembers
from orchestrator.web.rendering import STATIC
from orchestrator.web.shelf import SORTS, cards_of, pages_of, shelf_of
from orchestrator.web.static_files import is_known
from orchestrator.web.visit import Visit, provide_visit


def _too_many(limit: Limit) -> str:
    return f"Too many tries. Within {limit.window // timedelta(minutes=1)} minutes it works again."


_SIGN_IN_FAILURES = {
    "CredentialsSignin": "The e-mail address or the password is wrong.",
    "RateLimited": _too_many(limits.SIGN_IN),
    "MissingCSRF": "The page was open for too long. Please sign in again.",
    "OAuthCallback": "Signing in with Google did not work. Please try again.",
    "AccessDenied": "Google did not let you through, or this account cannot be signed in to.",
    "OAuthAccountNotLinked": "An account with your e-mail address exists already, and has not confirmed it. Sign in "
    "with its password and confirm the address on your account page, or choose a new password by a letter; then Google "
    "works in the place of the password.",
    "SignUpClosed": "New accounts are made by the people who run this Playhouse. Please ask them for one.",
}
_REGISTRATION_FAILURES = {
    "EmailTaken": "An account with this e-mail address exists already. Sign in instead.",
    "InvalidFields": "Please give a name, an e-mail address, and a password of at least 8 characters.",
    "GuessablePassword": passwords.GUESSABLE,
    "RateLimited": _too_many(limits.REGISTRATIONS_OF_ADDRESS),
    "MissingCSRF": "The page was open for too long. Please try again.",
    "SignUpClosed": "New accounts are made by the people who run this Playhouse. Please ask them for one.",
}
MOST_TAGS = 12
_UNKNOWN_FAILURE = "That did not work. Please try again."

ErrorCode = Annotated[str | None, QueryParameter(name="error", max_length=100)]
CallbackUrl = Annotated[str, QueryParameter(name="callbackUrl", max_length=MOST_RETURN_CHARACTERS)]


class PagesController(Controller):
    """HTML pages; never part of the API's description."""

    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit)}

    @get("/")
    async def home(self, visit: NamedDependency[Visit], catalog: NamedDependency[Catalog]) -> Template:
        """The library as the address says, or the front door to those who are not signed in."""
        if visit.account is None:
            return visit.page("landing.html")
        shelf = shelf_of({name: values[-1] for name, values in visit.request.query_params.dict().items()})
        found = await catalog.list_games(visit.account, shelf.wanted)
        context = {
            "shelf": shelf,
            "sorts": SORTS,
            "total": found.total,
            "cards": cards_of(found),
            "pages": pages_of(found.total),
            "tags": await catalog.common_tags(MOST_TAGS, shelf.tag),
        }
        return visit.page("library.html", **context)

    @get("/signin")
    async def sign_in(
        self, visit: NamedDependency[Visit], failure: ErrorCode = None, callback_url: CallbackUrl = "/"
    ) -> Template | Redirect:
        """The sign-in form; whoever is signed in already goes where they wanted to go."""
        return _entrance("signin.html", _SIGN_IN_FAILURES, visit, failure, callback_url)

    @get("/register")
    async def register(
        self, visit: NamedDependency[Visit], failure: ErrorCode = None, callback_url: CallbackUrl = "/"
    ) -> Template | Redirect:
        """The form for a new account."""
        return _entrance("register.html", _REGISTRATION_FAILURES, visit, failure, callback_url)

    @get("/games/{slug:str}")
    async def game(
        self, visit: NamedDependency[Visit], catalog: NamedDependency[Catalog], slug: FromPath[str]
    ) -> Template | Redirect:
        """One game with its save slots. NotFound."""
        if visit.account is None:
            return visit.to_sign_in()
        await catalog.get_game(slug, visit.account)
        return visit.playing_page("game.html", slug=slug)

    @get("/history")
    async def history(self, visit: NamedDependency[Visit]) -> Template | Redirect:
        """The sessions that are over."""
        if visit.account is None:
            return visit.to_sign_in()
        return visit.page("history.html")

    @get("/account")
    async def own_account(
        self,
        visit: NamedDependency[Visit],
        my_account: NamedDependency[MyAccount],
        tenant_members: NamedDependency[TenantMembers],
    ) -> Template | Redirect:
        """One's own account."""
        if visit.account is None:
            return visit.to_sign_in()
        found = await my_account.particulars(visit.account)
        context = {"email_verified": found.is_email_verified, "has_password": found.has_password}
        return visit.page("account.html", **context, tenants=await tenant_members.tenants_of(visit.account))

    @get("/forgot-password")
    async def forgot_password(self, visit: NamedDependency[Visit]) -> Template:
        """Asks for a letter with a link to the next page."""
        return visit.page("forgot_password.html")

    @get("/reset-password")
    async def reset_password(self, visit: NamedDependency[Visit]) -> Template:
        """Chooses a new password; the letter's secret never reaches the server with the address."""
        return visit.page("reset_password.html")

    @get("/goodbye")
    async def goodbye(self, visit: NamedDependency[Visit]) -> Template:
        """What is shown after an account was deleted."""
        return visit.page("goodbye.html")

    @get("/confirm-email")
    async def confirm_email(self, visit: NamedDependency[Visit]) -> Template:
        """Proves an e-mail address; the letter's secret never reaches the server with the address."""
        return visit.page("confirm_email.html")

    @get("/publishers")
    async def publishers(self, visit: NamedDependency[Visit]) -> Template:
        """The console of whoever has a publisher's key; the key never reaches the server with the page."""
        return visit.page("publishers.html")

    @get("/play/{session_id:str}")
    async def play(self, visit: NamedDependency[Visit], session_id: FromPath[str]) -> Template | Redirect:
        """The stage of one session."""
        if visit.account is None:
            return visit.to_sign_in()
        return visit.playing_page("play.html", session_id=session_id)

    @get("/watch/{session_id:str}")
    async def watch(self, visit: NamedDependency[Visit], session_id: FromPath[str]) -> Template:
        """Another person's stage, for whoever was invited; the invitation's secret never reaches the server with it."""
        return visit.playing_page("watch.html", session_id=session_id)


@get("/favicon.ico", include_in_schema=False)
async def favicon(request: AnyRequest) -> Response[bytes]:
    """What browsers ask for by themselves."""
    return await _file(request, "img/favicon.svg")


@get("/static/{address:path}", include_in_schema=False)
async def static_file(request: AnyRequest, address: FromPath[str]) -> Response[bytes]:
    """A file of ours; `304` to a browser that has it."""
    return await _file(request, address)


async def _file(request: AnyRequest, address: str) -> Response[bytes]:
    found = await to_thread(STATIC.find, address)
    if found is None:
        raise NotFound("There is no such file.")
    headers = {"Cache-Control": found.cache_control, "ETag": found.etag, "X-Content-Type-Options": "nosniff"}
    if is_known(found.etag, request.headers.get("if-none-match")):
        return Response(b"", status_code=304, headers=headers, media_type=found.media_type)
    return Response(found.content, headers=headers, media_type=found.media_type)


def _entrance(
    name: str, failures: Mapping[str, str], visit: Visit, failure: str | None, callback_url: str
) -> Template | Redirect:
    destination = local_path(callback_url, visit.settings.public_url)
    if visit.account is not None:
        return Redirect(destination, status_code=302)
    words = failures.get(failure, _UNKNOWN_FAILURE) if failure else None
    return visit.page(name, failure=words, callback_url=destination)
