"""`orchestrator serve` and its store: what an operator must mend stops it, with one line."""

import pytest
from click.testing import CliRunner

from orchestrator.cli import main
from orchestrator.settings import Settings
from tests.conftest import only_on
from tests.s3_server import S3Server


@only_on("sqlite")
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AWS_SECRET_ACCESS_KEY", "not-the-key-at-all", "refuses our keys"),
        ("ORCHESTRATOR_STORE_URL", "s3://no-such-bucket", "no bucket 'no-such-bucket'"),
        ("ORCHESTRATOR_STORE_URL", "s3://key:hidden@saves", "ORCHESTRATOR_STORE_URL"),
    ],
)
def test_a_store_that_refuses_us_is_named_and_nothing_is_served(
    settings: Settings,
    s3_server: S3Server,
    s3_bucket: str,
    s3_keys: None,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    said: str,
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_STORE_URL", f"s3://{s3_bucket}/start")
    monkeypatch.setenv("ORCHESTRATOR_STORE_ENDPOINT", s3_server.endpoint)
    monkeypatch.setenv(name, value)
    ended = CliRunner().invoke(main, ["serve", "--port", "0"])
    assert ended.exit_code == 1
    assert said in ended.output
    assert "hidden" not in ended.output
    assert "not-the-key" not in ended.output
