"""A served replica for the tests of its HTTP surface, one for all of a file."""

import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.api.served import Served, served

pytest.register_assert_rewrite("tests.api.stolen")


@pytest.fixture(scope="module")
def replica(tmp_path_factory: pytest.TempPathFactory, migrated_template: Path) -> Generator[Served]:
    data = tmp_path_factory.mktemp("served")
    shutil.copyfile(migrated_template, data / "orchestrator.sqlite3")
    with pytest.MonkeyPatch.context() as patches, served(data) as running:
        patches.setattr("orchestrator.fleet.sync.WAIT_LIMIT_S", 0.1)  # nobody has news here
        yield running
