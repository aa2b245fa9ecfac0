"""The fast tests start no server: what needs a database has SQLite."""

import pytest


@pytest.fixture
def database_kind() -> str:
    return "sqlite"
