"""How the agent is started: when it gets a token, and where its seats' programs lie."""

import base64
import json
from pathlib import Path

from agent_protocol import JoinRequest
from orchestrator.embedded import agent
from orchestrator.embedded.address import Address
from orchestrator.embedded.supervisor import replica_environment
from orchestrator.services import open_services
from orchestrator.settings import Settings


async def test_an_agent_gets_a_token_until_it_has_joined(settings: Settings) -> None:
    async with open_services(settings) as services:
        assert await agent.join_token(services.identities, settings.data, None)
        membership = _joined(settings.data)
        assert await agent.join_token(services.identities, settings.data, None) is None
        assert await agent.join_token(services.identities, settings.data, 1) is None
        assert membership.exists()


async def test_an_agent_that_is_refused_joins_anew(settings: Settings) -> None:
    async with open_services(settings) as services:
        membership = _joined(settings.data)
        assert await agent.join_token(services.identities, settings.data, agent.EXIT_REFUSED)
        assert not membership.exists()


async def test_an_agent_joins_anew_when_the_database_was_replaced_or_its_host_removed(settings: Settings) -> None:
    async with open_services(settings) as services:
        token = await services.identities.issue_join_token()
        key = base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")
        request = JoinRequest(token=token, name="here", public_key=key, public_url="http://127.0.0.1:9100")
        host_id = await services.identities.join(request)
        membership = _joined(settings.data, json.dumps({"host_id": host_id}))
        assert await agent.join_token(services.identities, settings.data, None) is None
        await services.fleet_operations.remove(host_id)
        assert await agent.join_token(services.identities, settings.data, None)
        assert not membership.exists()
        membership.write_text(json.dumps({"host_id": "hst_of_another_database"}))
        assert await agent.join_token(services.identities, settings.data, None)
        assert not membership.exists()


def test_seats_find_their_programs_where_every_user_can_look(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert agent.seat_runtime(closed) == agent.FALLBACK_SEAT_RUNTIME


def test_the_token_is_not_in_the_command_line(tmp_path: Path) -> None:
    words = agent.command(Address("192.168.1.5", 8000), "http://192.168.1.5:8000", "unix:///x.sock", tmp_path)
    assert "--token" not in words
    assert "--stop-sessions-on-exit" in words
    assert words[words.index("--ice-address") + 1] == "192.168.1.5"


def test_the_agent_gets_none_of_the_replicas_secrets() -> None:
    secrets = dict.fromkeys(("ORCHESTRATOR_SMTP_URL", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "PGPASSFILE"), "s")
    ours = {**secrets, "PATH": "/bin", "GAMESERVER_AGENT_SEATS": "2"}
    assert agent.environment(ours) == {"PATH": "/bin", "GAMESERVER_AGENT_SEATS": "2"}


def test_a_database_url_that_lies_in_a_file_stays_there(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql+asyncpg://house:secret@db/house\n")
    ours = {"PATH": "/bin", "ORCHESTRATOR_DATABASE_URL_FILE": str(tmp_path / "url")}
    settings = Settings(database_url_file=tmp_path / "url")
    given = replica_environment(settings, tmp_path, ours)
    settled = {"ORCHESTRATOR_DATA": str(tmp_path), "ORCHESTRATOR_PUBLIC_URL": settings.public_url}
    assert given == {**ours, **settled, "ORCHESTRATOR_DRAIN_S": "0"}
    in_the_open = replica_environment(Settings(database_url="sqlite+aiosqlite:////x"), tmp_path, {})
    assert in_the_open["ORCHESTRATOR_DATABASE_URL"] == "sqlite+aiosqlite:////x"


def _joined(data: Path, content: str = "{}") -> Path:
    membership = data / "agent" / "host.json"
    membership.parent.mkdir()
    membership.write_text(content)
    return membership
