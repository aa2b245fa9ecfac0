"""Failures as pages: for a person who opened an address in a browser, never for a program that asked the API."""

from litestar.enums import MediaType
from litestar.response import Template

from orchestrator.http import AnyRequest
from orchestrator.web.security import PAGE_HEADERS

_WORDS = {
    403: ("This is not yours to see", "It belongs to another account."),
    404: ("Nothing is playing here", "The address may have a typing error, or what it named is gone."),
    405: ("This page cannot do that", "A form of it needs JavaScript: allow it for this site. Nothing was changed."),
    503: ("One moment, please", "The house is busy, or a part of it is away. Nothing was changed; try again soon."),
}
_REFUSED = ("That did not work", "The address or the form was not understood.")
_BROKEN = ("The lights went out", "Something went wrong on our side. It is written down; try again in a moment.")
_NOT_PAGES = ("/api/", "/static/", "/session/", "/health/", "/metrics", "/schema")


def wants_page(request: AnyRequest) -> bool:
    """Whether a failure of this request is seen by a person: it takes HTML, and the path is not a program's."""
    takes_html = MediaType.HTML.value in request.headers.get("accept", "")
    return takes_html and not request.url.path.startswith(_NOT_PAGES)


def failure_page(status: int, request_id: str | None = None) -> Template:
    """The page of a failure. `request_id` is shown for a bug alone: that is what the log holds under it."""
    title, text = _WORDS.get(status, _REFUSED if status < 500 else _BROKEN)
    shown_id = request_id if status == 500 else None
    return Template(
        "error.html",
        context={"account": None, "title": title, "text": text, "request_id": shown_id},
        status_code=status,
        headers=PAGE_HEADERS,
        media_type=MediaType.HTML,
    )
