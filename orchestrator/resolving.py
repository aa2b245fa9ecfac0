"""How Litestar resolves what a handler depends on: all that touches its insides, for which its minor version is pinned.

Stock, a task is started for each dependency, and a handler of ours has up to six: services, which are there, and who is
asking, which one statement tells. Here one is resolved after the other, which is what a task each would come to.
"""

from typing import Any

from litestar._kwargs import kwargs_model
from litestar._kwargs.dependencies import DependencyContainer, create_dependency_batches

Batches = list[set[DependencyContainer]]


def one_by_one(expected: set[DependencyContainer]) -> Batches:
    """Batches of one dependency each, after those that it depends on; in order of their names where that is open."""
    batches = create_dependency_batches(expected)
    return [{dependency} for batch in batches for dependency in sorted(batch, key=lambda each: each.key)]


def resolve_one_by_one() -> None:
    """In every application that is made from now on."""
    inside: Any = kwargs_model
    inside.create_dependency_batches = one_by_one
