"""Failures as pages: for a person who opened an address in a browser, never for a program that asked the API."""

import asyncio
import contextlib

from litestar.enums import MediaType
from litestar.exceptions import HTTPException
from litestar.response import Template
from litestar.types import Scope

from orchestrator.accounts.dependencies import provide_optional_account
from orchestrator.errors import ApiError
from orchestrator.http import AnyRequest, BoundedRequest
from orchestrator.web.visit import Visit

_WORDS = {
    403: ("This is not yours to see", "It is not open to this account."),
    404: ("Nothing is playing here", "The address may have a typing error, or what it named is gone."),
    405: ("This page cannot do that", "A form of it needs JavaScript: allow it for this site. Nothing was changed."),
    503: ("One moment, please", "The house is busy, or a part of it is away. Nothing was changed; try again soon."),
}
_REFUSED = ("That did not work", "The address or the form was not understood.")
_BROKEN = ("The lights went out", "Something went wrong on our side. It is written down; try again in a moment.")
_KNOWN_WITHIN_S = 1.0  # a failure is told as well without a name
_NOT_PAGES = ("/api/", "/static/", "/session/", "/health/", "/metrics", "/schema")


def wants_page(request: AnyRequest) -> bool:
    """Whether a failure of this request is seen by a person: it takes HTML, and the path is not a program's."""
    takes_html = MediaType.HTML.value in request.headers.get("accept", "")
    return takes_html and not request.url.path.startswith(_NOT_PAGES)


async def find_reader(error: Exception, scope: Scope) -> None:
    """Before a failure becomes a page: who is signed in, for `known_account`. Where our side fails nobody is asked."""
    is_refused = isinstance(error, ApiError | HTTPException) and _status_of(error) < 500
    if scope["type"] == "http" and is_refused and wants_page(request := BoundedRequest(scope)):
        with contextlib.suppress(ApiError, TimeoutError):
            async with asyncio.timeout(_KNOWN_WITHIN_S):
                await provide_optional_account(request)


def failure_page(visit: Visit, status: int, request_id: str | None = None) -> Template:
    """The page of a failure. `request_id` is shown for a bug alone: that is what the log holds under it."""
    title, text = _WORDS.get(status, _REFUSED if status < 500 else _BROKEN)
    page = visit.page("error.html", title=title, text=text, request_id=request_id if status == 500 else None)
    page.status_code = status
    return page


def _status_of(error: ApiError | HTTPException) -> int:
    return error.status if isinstance(error, ApiError) else error.status_code
