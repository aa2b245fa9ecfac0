"""Reading what came as JSON, from a stranger or from a row: each function gives the type that it names or `ValueError`.

A boolean is no number here, though Python takes it for one.
"""

from collections.abc import Mapping


def mapping(value: object) -> Mapping[str, object]:
    """An object with text for keys."""
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return {str(key): item for key, item in value.items()}


def items(value: object, at_most: int) -> list[object]:
    """A list that is no longer than `at_most`."""
    if not isinstance(value, list | tuple) or len(value) > at_most:
        raise ValueError("not a list, or too long")
    return list(value)


def text(value: object, at_most: int) -> str:
    """Text of no more than `at_most` characters."""
    if not isinstance(value, str) or len(value) > at_most:
        raise ValueError("not text, or too long")
    return value


def whole(value: object, least: int, most: int) -> int:
    """A whole number from `least` to `most`."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError("not a whole number in its range")
    return value


def flag(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError("not true or false")
    return value
