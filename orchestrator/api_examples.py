"""Examples in the API's description, made from its schemas: by the name of a field where that tells more than its type.
Pure.
"""

from collections.abc import Mapping
from typing import Any, cast

Schema = Mapping[str, Any]

_BY_NAME: Mapping[str, object] = {
    "captured_at": "2026-03-09T12:00:00Z",
    "code": "ABCD-EFGH-JKMN-PQRS",
    "currentPassword": "correct horse",
    "description": "A short visual novel about a question that is hard to ask.",
    "developer": "Ren'Py Team",
    "email": "ada@example.org",
    "gameSlug": "the-question",
    "gameTitle": "The Question",
    "game_slug": "the-question",
    "languages": ["en"],
    "launcher": "TheQuestion.sh",
    "name": "Ada",
    "newPassword": "battery staple",
    "password": "correct horse",
    "public_url": "https://host7.example.org:9100",
    "renpyDir": "TheQuestion",
    "sessionId": "clx3p9k2m0001qz7h",
    "slug": "the-question",
    "tags": ["Romance", "Visual Novel"],
    "title": "The Question",
    "url": "http://127.0.0.1:8000/",
    "version": "1.0",
}
_BY_FORMAT: Mapping[str, str] = {
    "date-time": "2026-03-09T12:00:00Z",
    "date": "2026-03-09",
    "uri": "https://play.example.org/",
}
_DEEPEST = 12


def example_of(schema: Schema, schemas: Mapping[str, Schema], name: str = "", depth: int = 0) -> Any:
    """A value that this schema allows. `schemas` are those that it may refer to, `name` is the field that has it."""
    schema = _resolved(schema, schemas)
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    kinds = schema.get("type", [])
    kind = next((each for each in ([kinds] if isinstance(kinds, str) else kinds) if each != "null"), "null")
    if kind == "object":
        return _object(schema, schemas, depth)
    if kind == "array":
        return _list(schema, schemas, name, depth)
    plain = {"string": _text(schema, name), "integer": int(_number(schema)), "number": _number(schema), "boolean": True}
    return plain.get(kind)


def _resolved(schema: Schema, schemas: Mapping[str, Schema]) -> Schema:
    """The schema itself: what it refers to, and the first of several that is not null."""
    while True:
        if "$ref" in schema:
            schema = schemas[str(schema["$ref"]).rpartition("/")[2]]
        elif parts := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
            schema = next((part for part in parts if part.get("type") != "null"), parts[0])
        else:
            return schema


def _object(schema: Schema, schemas: Mapping[str, Schema], depth: int) -> dict[str, Any]:
    fields = cast("Mapping[str, Schema]", schema.get("properties", {}))
    return {name: example_of(part, schemas, name, depth + 1) for name, part in fields.items()}


def _list(schema: Schema, schemas: Mapping[str, Schema], name: str, depth: int) -> list[Any]:
    if depth > _DEEPEST or "items" not in schema:
        return []
    told = _BY_NAME.get(name)
    if isinstance(told, list) and _resolved(schema["items"], schemas).get("type") == "string":
        return cast("list[Any]", told)
    return [example_of(schema["items"], schemas, name.removesuffix("s"), depth + 1)]


def _text(schema: Schema, name: str) -> str:
    told = _BY_NAME.get(name)
    text = told if isinstance(told, str) else _BY_FORMAT.get(schema.get("format", ""), "text")
    return text.ljust(schema.get("minLength", 0), "0")[: schema.get("maxLength")]


def _number(schema: Schema) -> float:
    return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
