"""Settings: few, and right without any."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import ValidationError

from orchestrator.settings import Settings


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "DATA",
        "DATABASE_URL",
        "PUBLIC_URL",
        "TRUSTED_PROXIES",
        "STUN_URLS",
        "TURN_URLS",
        "TURN_SECRET",
        "TURN_SECRET_FILE",
        "METRICS_TOKEN",
        "METRICS_TOKEN_FILE",
    ):
        monkeypatch.delenv(f"ORCHESTRATOR_{name}", raising=False)


def test_the_database_is_in_the_data_folder_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DATA", "/srv/house")
    assert Settings().database_url == "sqlite+aiosqlite:////srv/house/orchestrator.sqlite3"
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", "postgresql+asyncpg://db/house")
    assert Settings().database_url == "postgresql+asyncpg://db/house"


def test_nothing_needs_to_be_set() -> None:
    settings = Settings()
    assert settings.data == Path("data")
    assert settings.public_url == "http://127.0.0.1:8000"
    assert not settings.is_secure


def test_only_this_machine_is_believed_who_asks_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().trusted_proxies == ("127.0.0.1/32", "::1/128")
    monkeypatch.setenv("ORCHESTRATOR_TRUSTED_PROXIES", "10.0.3.5/8, 192.0.2.1")
    assert Settings().trusted_proxies == ("10.0.0.0/8", "192.0.2.1/32")
    monkeypatch.setenv("ORCHESTRATOR_TRUSTED_PROXIES", "proxy.example")
    with pytest.raises(ValidationError, match="addresses or networks"):
        Settings()


def test_webhooks_reach_private_networks_only_where_these_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().networks_for_webhooks() == []
    monkeypatch.setenv("ORCHESTRATOR_WEBHOOK_NETWORKS", "10.20.0.0/16, fd00:20::/32")
    assert Settings().networks_for_webhooks() == [ip_network("10.20.0.0/16"), ip_network("fd00:20::/32")]
    monkeypatch.setenv("ORCHESTRATOR_WEBHOOK_NETWORKS", "10.20.0.1/16")
    with pytest.raises(ValidationError, match="host bits set"):
        Settings()


def test_the_public_url_is_an_origin_without_a_slash() -> None:
    settings = Settings(public_url="https://play.example/")
    assert settings.public_url == "https://play.example"
    assert settings.is_secure
    with pytest.raises(ValidationError, match="must begin with"):
        Settings(public_url="play.example")


def test_relays_are_listed_with_commas_and_their_secret_may_be_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_TURN_URLS", "turn:relay.example:3478, turns:relay.example:5349")
    with pytest.raises(ValidationError, match="turn_secret"):
        Settings()
    monkeypatch.setenv("ORCHESTRATOR_TURN_SECRET", "shared")
    assert Settings().turn_urls == ("turn:relay.example:3478", "turns:relay.example:5349")
    assert Settings().turn_secret.get_secret_value() == "shared"
    assert "shared" not in repr(Settings())
    (tmp_path / "secret").write_text("of the file\n")
    monkeypatch.delenv("ORCHESTRATOR_TURN_SECRET")
    monkeypatch.setenv("ORCHESTRATOR_TURN_SECRET_FILE", str(tmp_path / "secret"))
    assert Settings().turn_secret.get_secret_value() == "of the file"
    with pytest.raises(ValidationError, match="must begin with"):
        Settings(stun_urls="relay.example")


SECRETS = {
    "DATABASE_URL": "postgresql+asyncpg://house:pass%40word@db/house",
    "SMTP_URL": "smtps://post:pass%40word@mail.example",
    "GOOGLE_CLIENT_SECRET": "GOCSPX-secret",
    "TURN_SECRET": "relays' secret",
    "METRICS_TOKEN": "Prometheus' token",
}


def test_what_is_secret_may_lie_in_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, secret in SECRETS.items():
        (tmp_path / name).write_text(f"{secret}\n")
        monkeypatch.setenv(f"ORCHESTRATOR_{name}_FILE", str(tmp_path / name))
    settings = Settings(mail_from="play@example.org", google_client_id="us")
    assert settings.database_url == SECRETS["DATABASE_URL"]
    assert settings.smtp_url.get_secret_value() == SECRETS["SMTP_URL"]
    assert settings.google_client_secret.get_secret_value() == SECRETS["GOOGLE_CLIENT_SECRET"]
    assert settings.turn_secret.get_secret_value() == SECRETS["TURN_SECRET"]
    assert settings.metrics_token.get_secret_value() == SECRETS["METRICS_TOKEN"]
    assert not any(secret in repr(settings) for secret in (*SECRETS.values(), "pass%40word"))


@pytest.mark.parametrize("name", list(SECRETS))
def test_a_secret_is_given_once_and_its_file_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv(f"ORCHESTRATOR_{name}_FILE", str(tmp_path / "nothing"))
    with pytest.raises(ValidationError, match=f"{name.lower()}_file cannot be read: FileNotFoundError"):
        Settings()
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    monkeypatch.setenv(f"ORCHESTRATOR_{name}_FILE", str(tmp_path / "binary"))
    with pytest.raises(ValidationError, match="UnicodeDecodeError"):
        Settings()
    monkeypatch.setenv(f"ORCHESTRATOR_{name}", SECRETS[name])
    with pytest.raises(ValidationError, match=f"give {name.lower()} or {name.lower()}_file, not both") as refused:
        Settings()
    assert SECRETS[name] not in str(refused.value)
