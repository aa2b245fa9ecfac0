"""The API's description (OpenAPI) as it is served: what handlers say of themselves, who may ask, how any may refuse.

Every refusal has one form (`orchestrator.errors`), so it is described here once and not at each handler.
"""

from collections.abc import Mapping
from typing import Any, cast

from litestar import Request
from litestar.openapi.plugins import JsonRenderPlugin

from orchestrator.accounts import tokens
from orchestrator.api_examples import Schema, example_of
from orchestrator.arena import description as tenants

REFUSALS: Mapping[str, Mapping[str, str]] = {
    "400": {
        "invalid_request": "The request is not what this operation takes.",
        "code_invalid": "This library code does not work.",
        "guessable_password": "The password is among the first that others would try.",
        "digest_mismatch": "The archive is another one than was announced.",
        "invalid_token": "The link of a letter has been used or is too old.",
        "not_a_save": "The file is not a save of this game.",
        "save_too_large": "The save is larger than the game may keep.",
        "unfit_url": "No webhook can be sent to this URL.",
        "unknown_event": "There is no such event of a tenant's sessions.",
    },
    "401": {
        "unauthorized": "Nobody is signed in, or the token or key is not valid.",
        "host_removed": "An operator has removed this host.",
    },
    "403": {
        "forbidden": "It belongs to somebody else, needs a code or an admin, or comes from another site.",
        "wrong_password": "The password is wrong.",
    },
    "404": {"not_found": "There is no such thing.", "version_damaged": "The archive of this version is gone."},
    "409": {
        "session_active": "The person has a running session: `sessionId` names it.",
        "session_ended": "The session is over.",
        "slots_full": "All save slots of this game are in use.",
        "slot_in_use": "The save slot is being played.",
        "version_damaged": "The archive of this version cannot be read any more.",
        "idempotency_key_reused": "The key was used for another launch.",
        "invites_full": "There are as many invitations as one session may have.",
        "email_taken": "An account has this address.",
        "account_not_linked": "An account has this address and has not confirmed it.",
        "own_account": "Another admin has to do this.",
        "name_taken": "A publisher or a tenant has this name.",
        "address_unconfirmed": "The account has not confirmed its address.",
        "too_many_keys": "There are as many of a tenant's keys as may work at once.",
        "too_many_webhooks": "There are as many endpoints as a tenant may have.",
        "webhook_stopped": "The endpoint is stopped: restart it first.",
        "secret_changing": "The endpoint's secret is being changed already.",
        "slug_taken": "A game has this slug.",
        "upload_closed": "The upload is over.",
        "upload_in_progress": "Somebody else is sending to this upload.",
        "wrong_offset": "The upload goes on elsewhere: ask where.",
        "host_in_use": "Sessions run on this host.",
        "stale_sync": "The host has reported since.",
        "not_arrived": "The archive is not in the store yet.",
    },
    "412": {"unsupported_version": "Another version of a protocol than the one that is spoken here."},
    "413": {"too_large": "The body is too large."},
    "429": {"rate_limited": "Too often; `Retry-After` says when it may be tried again."},
    "502": {"host_unreachable": "The game's host does not answer at the moment."},
    "503": {
        "no_servers": "No host can take the game now; `Retry-After` says when to try again.",
        "store_unavailable": "The store of save archives fails now.",
        "database_unavailable": "The database does not answer at the moment.",
    },
}
"""Each status with the codes that come with it, and what they say."""

SIGNED_IN, PUBLISHER, HOST = "session", "publisherKey", "hostToken"
_SCHEMES: Mapping[str, Schema] = {
    SIGNED_IN: {
        "type": "apiKey",
        "in": "cookie",
        "name": tokens.COOKIE,
        "description": "Set by `signIn` and `register`, good for 30 days. What is under `/api/admin` needs an admin's.",
    },
    PUBLISHER: {"type": "http", "scheme": "bearer", "description": "A publisher's key."},
    HOST: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "EdDSA, signed with the key that the host joined with; `iss` is `host:` and its id, `aud` is"
        " `orchestrator`; good for a minute.",
    },
    tenants.TENANT: dict(tenants.SCHEME),
}
_OPEN = ("/api/auth/", "/api/game/watch", "/api/agents/join")
_OF_PUBLISHERS = ("/api/partners", "/api/games/{slug}/upload")
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
    """`description` with every refusal, the proof and examples of every operation. Pure."""
    description = _any_of(description)
    components = description.get("components", {})
    schemas = {**components.get("schemas", {}), "Error": _ERROR}
    return {
        **description,
        "paths": {
            path: {name: _operation(path, part, schemas) for name, part in item.items()}
            for path, item in description.get("paths", {}).items()
        }
        | tenants.paths(),
        "components": {
            **components,
            "schemas": schemas,
            "responses": {status: _refusal(codes) for status, codes in REFUSALS.items()},
            "securitySchemes": _SCHEMES,
        },
    }


def proof_of(path: str) -> str | None:
    """How whoever asks at this path proves who they are; None where it is open to everybody."""
    if path.startswith(tenants.PREFIXES):
        return tenants.TENANT
    if path.startswith(_OPEN) or not path.startswith("/api/"):
        return None
    if path.startswith("/api/agents/"):
        return HOST
    return PUBLISHER if path.startswith(_OF_PUBLISHERS) else SIGNED_IN


def _any_of(part: Any) -> Any:
    """A union of ours is met by whoever meets one of its parts, or more."""
    if isinstance(part, list):
        return [_any_of(item) for item in cast("list[Any]", part)]
    if not isinstance(part, dict):
        return part
    named = cast("dict[str, Any]", part)
    return {"anyOf" if name == "oneOf" else name: _any_of(inner) for name, inner in named.items()}


def _operation(path: str, part: Any, schemas: Mapping[str, Schema]) -> Any:
    if not isinstance(part, dict) or "responses" not in part:
        return part
    operation = cast("dict[str, Any]", part)
    proof = proof_of(path)
    answers = {
        status: _with_examples(_answer(status, answer), schemas) for status, answer in operation["responses"].items()
    }
    refusals: Mapping[str, Any] = {status: {"$ref": f"#/components/responses/{status}"} for status in REFUSALS}
    if path.startswith(tenants.PREFIXES):
        refusals = tenants.refusals()
    if path.startswith("/health"):  # says with the same words that it is well and that it is not
        refusals = {"503": {**answers["200"], "description": "It cannot serve."}}
    described = {**operation, "responses": {**answers, **refusals}, "security": [{proof: []}] if proof else []}
    if "requestBody" in operation:
        described["requestBody"] = _with_examples(operation["requestBody"], schemas)
    return described


def _answer(status: str, answer: dict[str, Any]) -> dict[str, Any]:
    is_redirect = status.startswith("3")  # leads on, and has no body
    return {name: part for name, part in answer.items() if name != "content"} if is_redirect else answer


def _with_examples(part: dict[str, Any], schemas: Mapping[str, Schema]) -> dict[str, Any]:
    """A body of JSON or of a form with an example of it."""
    if "content" not in part:
        return part
    content = {
        kind: {"example": example_of(body["schema"], schemas), **body} if _has_fields(kind, body) else body
        for kind, body in part["content"].items()
    }
    return {**part, "content": content}


def _has_fields(kind: str, body: Mapping[str, Any]) -> bool:
    return "schema" in body and kind in {"application/json", "application/x-www-form-urlencoded"}


def _refusal(codes: Mapping[str, str]) -> dict[str, Any]:
    told = "\n".join(f"- `{code}`: {text}" for code, text in codes.items())
    return {
        "description": next(iter(codes.values())) if len(codes) == 1 else told,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Error"},
                "examples": {code: {"value": {"error": code, "message": text}} for code, text in codes.items()},
            }
        },
    }
