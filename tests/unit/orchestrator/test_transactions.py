"""No transaction is open across I/O to anything but the database (invariant 4), read off the code itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3] / "orchestrator"
FOREIGN = {"sleep", "to_thread", "wait", "wait_for", "stream", "request", "post"}


def transactions(tree: ast.AST) -> Iterator[ast.AsyncWith]:
    """Every `async with ….write()` or `….read()` of a database."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncWith) and any(_opens_transaction(item.context_expr) for item in node.items):
            yield node


def _opens_transaction(expression: ast.expr) -> bool:
    match expression:
        case ast.Call(func=ast.Attribute(attr="write" | "read", value=owner)):
            return "database" in ast.unparse(owner)
        case _:
            return False


def foreign_waits(transaction: ast.AsyncWith) -> Iterator[str]:
    """What is awaited inside that is not the database's."""
    for statement in transaction.body:
        for node in ast.walk(statement):
            match node:
                case ast.Await(value=ast.Call(func=ast.Attribute(attr=name, value=owner))):
                    is_session = ast.unparse(owner) == "session"
                    if not is_session and (name in FOREIGN or "store" in ast.unparse(owner)):
                        yield ast.unparse(node)
                case ast.AsyncFor() | ast.Yield():
                    yield ast.unparse(node)
                case _:
                    pass


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_transaction_waits_for_anything_but_the_database(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert [wait for transaction in transactions(tree) for wait in foreign_waits(transaction)] == []


def test_the_check_sees_what_it_should() -> None:
    code = (
        "async def f(self):\n    async with self._database.write() as session:\n        await self._store.put('key')\n"
    )
    [transaction] = transactions(ast.parse(code))
    assert list(foreign_waits(transaction)) == ["await self._store.put('key')"]
