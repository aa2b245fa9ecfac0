"""Who is asking: the guard and the dependencies that every signed-in path uses.

A path that needs a person has `guards=[signed_in]`, which runs before the body is looked at (401 comes before 400), and
`dependencies={"account": Provide(provide_account)}`. The database is asked once a request.
"""

from litestar.handlers import BaseRouteHandler

from orchestrator.accounts import tokens
from orchestrator.accounts.account import Account, Role, SignedIn
from orchestrator.accounts.service import Accounts
from orchestrator.audit.recording import Actor, ActorKind
from orchestrator.errors import Forbidden, Unauthorized
from orchestrator.http import AnyConnection, AnyRequest, address_of

_CACHE = "signed_in"


async def signed_in(connection: AnyConnection, _: BaseRouteHandler) -> None:
    """Guard: Unauthorized without a valid session cookie."""
    await _require(connection)


async def signed_in_as_admin(connection: AnyConnection, _: BaseRouteHandler) -> None:
    """Guard: Unauthorized without a valid session cookie, Forbidden for anybody but an admin."""
    _require_admin((await _require(connection)).account)


async def provide_account(request: AnyRequest) -> Account:
    """The person who asks. Unauthorized when nobody is signed in."""
    return (await _require(request)).account


async def provide_actor(request: AnyRequest) -> Actor:
    """The person who asks, as the audit log names them. Unauthorized when nobody is signed in."""
    return Actor(ActorKind.ACCOUNT, (await _require(request)).account.id, address_of(request))


async def provide_required_sign_in(request: AnyRequest) -> SignedIn:
    """The person who asks, with the token that proves it. Unauthorized when nobody is signed in."""
    return await _require(request)


async def provide_optional_account(request: AnyRequest) -> Account | None:
    found = await provide_signed_in(request)
    return found.account if found else None


def known_account(request: AnyRequest) -> Account | None:
    """Whom this request was already found to come from; nobody is asked."""
    found: SignedIn | None = request.state.get(_CACHE)
    return found.account if found else None


async def provide_signed_in(request: AnyConnection) -> SignedIn | None:
    """The account with the token that proves it, None when nobody is signed in."""
    if _CACHE not in request.state:
        accounts: Accounts = request.app.state.accounts
        token = request.cookies.get(tokens.COOKIE)
        request.state[_CACHE] = await accounts.authenticate(token) if token else None
    found: SignedIn | None = request.state[_CACHE]
    return found


async def _require(connection: AnyConnection) -> SignedIn:
    found = await provide_signed_in(connection)
    if found is None:
        raise Unauthorized("You must be signed in.")
    return found


def _require_admin(account: Account) -> Account:
    if account.role is not Role.ADMIN:
        raise Forbidden("Only an admin may do this.")
    return account
