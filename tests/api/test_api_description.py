"""The API's description is true: whatever is sent to any of its operations, the answer is one that it describes."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import orchestrator
from orchestrator.api_description import REFUSALS, with_refusals
from orchestrator.app import create_app
from orchestrator.errors import ApiError
from orchestrator.settings import Settings
from tests.api.served import PLAIN, Served

EXAMPLES = 5
PROVEN_BY_THE_BODY = {
    *("/api/auth/callback/credentials", "/api/agents/join", "/api/game/watch"),
    *("/v1/sessions/validate", "/api/v1/sessions/validate"),  # by the query
}


@schemathesis.check
def no_mistake_of_ours(_context: Any, response: Any, _case: Any) -> None:
    """What has no place now, or leans on what is away, may say so where that is described."""
    assert response.status_code < 500 or response.status_code in {502, 503}, response.text


CHECKS = [no_mistake_of_ours, status_code_conformance, content_type_conformance, response_schema_conformance]


_BINARY = ["application/gzip", "application/offset+octet-stream", "application/zstd"]
schemathesis.serializer.alias(_BINARY, "application/octet-stream")

Decorator = Callable[[Callable[..., None]], Callable[..., None]]
Case = schemathesis.Case[Any]
DESCRIPTION = with_refusals(create_app(Settings()).openapi_schema.to_schema())
api = schemathesis.openapi.from_dict(DESCRIPTION)
every_operation: Decorator = api.parametrize()
every_publisher_operation: Decorator = api.include(path_regex="^/api/(partners|games/{slug}/upload)").parametrize()
every_admin_operation: Decorator = api.include(path_regex="^/api/(admin|console)").parametrize()
every_tenant_operation: Decorator = api.include(path_regex="^/(api/)?v1/").parametrize()
every_agent_operation: Decorator = api.include(path_regex="^/api/agents").parametrize()
bounded = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@every_operation
@bounded
def test_to_nobody_it_answers_as_described(case: Case, replica: Served) -> None:
    case.call_and_validate(base_url=replica.url, allow_redirects=False, checks=CHECKS, timeout=60)


@every_operation
@bounded
def test_to_a_player_it_answers_as_described(case: Case, replica: Served) -> None:
    case.call_and_validate(
        base_url=replica.url, headers=replica.signed_in, allow_redirects=False, checks=CHECKS, timeout=60
    )


@every_agent_operation
@bounded
def test_to_a_host_it_answers_as_described(case: Case, replica: Served) -> None:
    case.call_and_validate(
        base_url=replica.url, headers=replica.as_host, allow_redirects=False, checks=CHECKS, timeout=60
    )


@every_publisher_operation
@bounded
def test_to_a_publisher_it_answers_as_described(case: Case, replica: Served) -> None:
    case.call_and_validate(
        base_url=replica.url, headers=replica.as_publisher, allow_redirects=False, checks=CHECKS, timeout=60
    )


@every_tenant_operation
@bounded
def test_to_a_tenant_it_answers_as_described(case: Case, replica: Served) -> None:
    case.call_and_validate(
        base_url=replica.url, headers=replica.as_tenant, allow_redirects=False, checks=CHECKS, timeout=60
    )


@every_admin_operation
@bounded
def test_to_an_admin_it_answers_as_described(case: Case, replica: Served) -> None:
    case.call_and_validate(
        base_url=replica.url, headers=replica.as_admin, allow_redirects=False, checks=CHECKS, timeout=60
    )


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DESCRIPTION["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


OPERATIONS = list(operations())
NAMES = [operation["operationId"] for _, _, operation in OPERATIONS]


def bodies(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for part in (operation.get("requestBody", {}), *operation["responses"].values()):
        for kind, body in part.get("content", {}).items():
            if kind in {"application/json", "application/x-www-form-urlencoded"} and "schema" in body:
                yield body


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)
def test_its_examples_are_what_its_schemas_allow(method: str, path: str, operation: dict[str, Any]) -> None:
    for body in bodies(operation):
        schema = {**body["schema"], "components": DESCRIPTION["components"]}
        jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(body["example"])


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)
def test_it_says_what_it_does_and_who_may_ask(
    method: str, path: str, operation: dict[str, Any], replica: Served
) -> None:
    assert operation["description"]
    [proof] = [next(iter(each)) for each in operation["security"]] or [None]
    assert proof is None or proof in DESCRIPTION["components"]["securitySchemes"]
    url = replica.url + path.replace("{transfer}", "arc" + "0" * 22).replace("{slug}", "the-question")
    needed = [each for each in operation.get("parameters", []) if each.get("required") and each["in"] != "path"]
    query = {each["name"]: example(each["schema"]) for each in needed if each["in"] == "query"}
    headers = {each["name"]: example(each["schema"]) for each in needed if each["in"] == "header"}
    sent = next((body["example"] for body in bodies({**operation, "responses": {}})), None)
    is_form = "application/x-www-form-urlencoded" in operation.get("requestBody", {}).get("content", {})
    with httpx.Client(params=query, headers=headers, **PLAIN) as client:
        answer = client.request(method, url, data=sent) if is_form else client.request(method, url, json=sent)
    is_refused = answer.status_code == 401
    assert is_refused if proof else not is_refused or path in PROVEN_BY_THE_BODY, answer.text


def example(schema: dict[str, Any]) -> str:
    return "0" * 64 if "64" in schema.get("pattern", "") else "1"


def test_every_code_that_a_refusal_may_have_is_described() -> None:
    described = {code for codes in REFUSALS.values() for code in codes}
    assert set(raised_codes()) - {"conflict", "internal_error"} == described


def raised_codes() -> Iterator[str]:
    """The codes of our refusals, by their classes and where one is given a code of its own."""
    kinds = list(refusals(ApiError))
    names = {kind.__name__ for kind in kinds}
    yield from (kind.code for kind in kinds)
    for file in Path(orchestrator.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                given = [each.value for each in node.keywords if each.arg == "code"]
                yield from (str(value.value) for value in given if isinstance(value, ast.Constant))


def refusals(kind: type[ApiError]) -> Iterator[type[ApiError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from refusals(narrower)
