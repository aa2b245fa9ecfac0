"""The API's description (OpenAPI) as it is served: what handlers say of themselves, and how any of them may refuse.

Every refusal has one form (`orchestrator.errors`), so it is described here once and not at each handler.
"""

from typing import Any, cast

from litestar import Request
from litestar.openapi.plugins import JsonRenderPlugin

REFUSALS = {
    "400": ("invalid_request", "The request is not what this operation takes."),
    "401": ("unauthorized", "Nobody is signed in, or the token is not valid."),
    "403": ("forbidden", "It belongs to somebody else, or comes from another site."),
    "404": ("not_found", "There is no such thing."),
    "409": ("session_active", "It cannot be done as things stand; the code says why."),
    "412": ("unsupported_version", "Another version of a protocol than the one that is spoken here."),
    "413": ("too_large", "The body is too large."),
    "429": ("rate_limited", "Too often; `Retry-After` says when it may be tried again."),
    "502": ("host_unreachable", "The game's host does not answer at the moment."),
    "503": ("no_servers", "Not now; trying again later may help."),
}
_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error", "message"],
    "properties": {
        "error": {"type": "string", "description": "A code for programs."},
        "message": {"type": "string", "description": "A text for people."},
        "sessionId": {"type": "string", "description": "With `session_active`: the session that is there."},
    },
}


class WholeDescription(JsonRenderPlugin):
    """Serves the description with the refusals in it."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return super().render(request, with_refusals(openapi_schema))


def with_refusals(description: dict[str, Any]) -> dict[str, Any]:
    """`description` with every refusal of every operation. Pure."""
    description = _any_of(description)
    components = description.get("components", {})
    return {
        **description,
        "paths": {
            path: {name: _operation(path, part) for name, part in item.items()}
            for path, item in description.get("paths", {}).items()
        },
        "components": {
            **components,
            "schemas": {**components.get("schemas", {}), "Error": _ERROR},
            "responses": {status: _refusal(*about) for status, about in REFUSALS.items()},
        },
    }


def _any_of(part: Any) -> Any:
    """A union of ours is met by whoever meets one of its parts, or more."""
    if isinstance(part, list):
        return [_any_of(item) for item in cast("list[Any]", part)]
    if not isinstance(part, dict):
        return part
    named = cast("dict[str, Any]", part)
    return {"anyOf" if name == "oneOf" else name: _any_of(inner) for name, inner in named.items()}


def _operation(path: str, part: Any) -> Any:
    if not isinstance(part, dict) or "responses" not in part:
        return part
    refusals = {status: {"$ref": f"#/components/responses/{status}"} for status in REFUSALS}
    if path.startswith("/health"):  # says with the same words that it is well and that it is not
        refusals = {"503": {**part["responses"]["200"], "description": "It cannot serve."}}
    answers = {status: _answer(status, answer) for status, answer in part["responses"].items()}
    return {**part, "responses": {**answers, **refusals}}


def _answer(status: str, answer: dict[str, Any]) -> dict[str, Any]:
    is_redirect = status.startswith("3")  # leads on, and has no body
    return {name: part for name, part in answer.items() if name != "content"} if is_redirect else answer


def _refusal(code: str, text: str) -> dict[str, Any]:
    return {
        "description": text,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Error"},
                "example": {"error": code, "message": text},
            }
        },
    }
