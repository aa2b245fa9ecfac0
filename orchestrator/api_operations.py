"""How operations that read their body themselves describe it."""

from dataclasses import dataclass, field
from typing import Any

from litestar.openapi.spec import (
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    Parameter,
    RequestBody,
    Schema,
)
from pydantic import BaseModel

_BYTES = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)


def takes(*media_types: str, schema: Schema = _BYTES) -> type[Operation]:
    """An operation with a body of one of these types: bytes that are read as they come, unless `schema` says more."""

    @dataclass
    class Takes(Operation):
        def __post_init__(self) -> None:
            content = {media_type: OpenAPIMediaType(schema=schema) for media_type in media_types}
            self.request_body = RequestBody(content, required=True)

    return Takes


def takes_json(model: type[BaseModel], *, is_required: bool = True) -> type[Operation]:
    """An operation that reads its body as this model; without a body as an empty one, unless it `is_required`."""

    @dataclass
    class TakesJson(Operation):
        def __post_init__(self) -> None:
            schema = _Written(written=model.model_json_schema(by_alias=True))
            self.request_body = RequestBody({"application/json": OpenAPIMediaType(schema=schema)}, required=is_required)

    return TakesJson


def asks(model: type[BaseModel]) -> type[Operation]:
    """An operation that reads its query as this model."""
    fields = model.model_json_schema(by_alias=True)
    shared = fields.get("$defs", {})

    @dataclass
    class Asks(Operation):
        def __post_init__(self) -> None:
            asked = [
                Parameter(name=name, param_in="query", schema=_Written(written=_asked(schema, shared)))
                for name, schema in fields["properties"].items()
            ]
            self.parameters = [*(self.parameters or ()), *asked]

    return Asks


@dataclass
class _Written(Schema):
    """A schema that is there already."""

    written: dict[str, Any] = field(default_factory=dict[str, Any])

    def to_schema(self) -> dict[str, Any]:
        return self.written


def _asked(schema: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """Of one word of a query: left out where it is none, never null."""
    parts = [part for part in schema.get("anyOf", [schema]) if part.get("type") != "null"]
    return {name: value for name, value in _plain(parts[0], shared).items() if name not in {"title", "default"}}


def _plain(schema: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    return shared[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
