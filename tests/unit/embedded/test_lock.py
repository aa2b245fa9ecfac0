"""One `orchestrator up` for each data folder."""

from pathlib import Path

import pytest

from orchestrator.embedded.errors import DataInUse
from orchestrator.embedded.lock import sole_holder, url_of_holder

URL = "http://127.0.0.1:8000"


def test_a_second_start_on_the_same_data_is_told_what_to_do(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with sole_holder(data, 8000, URL), pytest.raises(DataInUse) as raised, sole_holder(data, 8000, URL):
        pass
    message = str(raised.value)
    assert f"DATA={data}" in message
    assert f"at {URL}." in message
    assert f"make play DATA={data}2 PORT=8001" in message


def test_another_data_folder_is_free(tmp_path: Path) -> None:
    with sole_holder(tmp_path / "one", 8000, URL), sole_holder(tmp_path / "two", 8001, URL):
        pass


def test_the_lock_is_free_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with sole_holder(tmp_path, 8000, URL):
            pass


def test_others_find_out_where_the_holder_is_reached(tmp_path: Path) -> None:
    assert url_of_holder(tmp_path / "nothing") == ""
    with sole_holder(tmp_path, 8000, URL):
        assert url_of_holder(tmp_path) == URL
    assert url_of_holder(tmp_path) == ""
