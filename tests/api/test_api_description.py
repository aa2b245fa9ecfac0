"""The API's description is true: whatever is sent to any of its operations, the answer is one that it describes."""

from collections.abc import Callable
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from orchestrator.api_description import with_refusals
from orchestrator.app import create_app
from orchestrator.settings import Settings
from tests.api.served import Served

EXAMPLES = 5
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


_BINARY = ["application/gzip", "application/offset+octet-stream", "application/zstd"]
schemathesis.serializer.alias(_BINARY, "application/octet-stream")

Decorator = Callable[[Callable[..., None]], Callable[..., None]]
Case = schemathesis.Case[Any]
api = schemathesis.openapi.from_dict(with_refusals(create_app(Settings()).openapi_schema.to_schema()))
every_operation: Decorator = api.parametrize()
every_publisher_operation: Decorator = api.include(path_regex="^/api/(partners|games/{slug}/upload)").parametrize()
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
    case.call_and_validate(base_url=replica.url, allow_redirects=False, checks=CHECKS)


@every_operation
@bounded
def test_to_a_player_it_answers_as_described(case: Case, replica: Served) -> None:
    case.call_and_validate(base_url=replica.url, headers=replica.signed_in, allow_redirects=False, checks=CHECKS)


@every_agent_operation
@bounded
def test_to_a_host_it_answers_as_described(case: Case, replica: Served) -> None:
    case.call_and_validate(base_url=replica.url, headers=replica.as_host, allow_redirects=False, checks=CHECKS)


@every_publisher_operation
@bounded
def test_to_a_publisher_it_answers_as_described(case: Case, replica: Served) -> None:
    case.call_and_validate(base_url=replica.url, headers=replica.as_publisher, allow_redirects=False, checks=CHECKS)
