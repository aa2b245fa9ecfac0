"""How operations that read their body themselves describe it."""

from dataclasses import dataclass

from litestar.openapi.spec import OpenAPIFormat, OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

_BYTES = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)


def takes(*media_types: str, schema: Schema = _BYTES) -> type[Operation]:
    """An operation with a body of one of these types: bytes that are read as they come, unless `schema` says more."""

    @dataclass
    class Takes(Operation):
        def __post_init__(self) -> None:
            content = {media_type: OpenAPIMediaType(schema=schema) for media_type in media_types}
            self.request_body = RequestBody(content, required=True)

    return Takes
