"""`make play` on an empty data folder, once for all tests of this folder."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="package")
def data_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="playhouse-", dir=os.environ.get("TMPDIR", "/tmp"))) / "data"
    yield folder
    shutil.rmtree(folder.parent)
