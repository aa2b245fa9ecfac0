"""Who may send a change: no other site through a browser that is signed in here."""

from urllib.parse import urlsplit

from litestar import MediaType, Request
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from orchestrator.errors import Forbidden, InvalidRequest
from orchestrator.http import AnyRequest

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class SameOriginChanges(ASGIMiddleware):
    """Refuses changes that another site could have caused with a signed-in browser.

    Under `/api/`, a request that carries our session cookie and is not GET, HEAD or OPTIONS must come from our own
    origin (`Origin`, as browsers send it) and, when it is a POST with a body, be JSON: a foreign page cannot send
    that without asking. Form posts that carry a CSRF token say so with `opt={"csrf_token": True}`; what a host sends
    with its bearer token carries no cookie and passes.
    """

    scopes = (ScopeType.HTTP,)
    exclude_opt_key = "csrf_token"

    def __init__(self, public_url: str, cookie: str) -> None:
        self._public_host = urlsplit(public_url).netloc
        self._cookie = cookie

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        request: AnyRequest = Request(scope)
        is_change = request.method not in _SAFE_METHODS
        if is_change and scope["path"].startswith("/api/") and self._cookie in request.cookies:
            self._check(request)
        await next_app(scope, receive, send)

    def _check(self, request: AnyRequest) -> None:
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc not in {self._public_host, request.headers.get("host")}:
            raise Forbidden("This request comes from another site.")
        has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
        if request.method == "POST" and has_body and request.content_type[0] != MediaType.JSON:
            raise InvalidRequest("The body must be JSON, with Content-Type: application/json.")
