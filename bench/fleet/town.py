"""A database with many hosts, people and sessions, as the services themselves write them where that is quick enough."""

import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import insert, select, text

from orchestrator.accounts.account import Account, AccountState, Role
from orchestrator.accounts.models import AccountRow
from orchestrator.catalog.definition import GameDefinition
from orchestrator.catalog.images import EngineImage
from orchestrator.catalog.models import Build
from orchestrator.database import Database
from orchestrator.fleet.identity import AGENT_AUDIENCE
from orchestrator.fleet.models import Host
from orchestrator.ids import new_id
from orchestrator.play.lifecycle import Position, new_life
from orchestrator.play.models import Session
from orchestrator.services import Services

GIB = 1024**3
IMAGE_ID = "sha256:" + "a" * 64
SLUG = "benchmark"
SEATS = 16
_ROWS_AT_ONCE = 500


@dataclass
class SimulatedHost:
    """The identity of a host behind which nothing runs."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    host_id: str = field(default_factory=lambda: new_id("hst"))

    @property
    def public_key(self) -> str:
        raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return urlsafe_b64encode(raw).decode().rstrip("=")

    def authorization(self) -> str:
        """Good for a minute."""
        now = int(time.time())
        claims = {"iss": f"host:{self.host_id}", "aud": AGENT_AUDIENCE, "iat": now, "exp": now + 60}
        return f"Bearer {jwt.encode(claims, self.key, algorithm='EdDSA')}"


def a_person(number: int) -> Account:
    """One that nobody can sign in to."""
    return Account(new_id("clx"), f"person{number}@example.org", f"Person {number}", None, Role.PLAYER)


def row_of(account: Account, now: datetime) -> dict[str, object]:
    """What the database holds of it."""
    return {
        "id": account.id,
        "email": account.email,
        "name": account.name,
        "role": account.role,
        "state": AccountState.ACTIVE,
        "created_at": now,
    }


async def add_game(services: Services) -> None:
    definition = GameDefinition.model_validate(
        {
            "slug": SLUG,
            "title": "Benchmark",
            "developer": "Nobody",
            "description": "Runs nowhere.",
            "tags": ["Bench"],
            "build": {"version": "1.0", "image": f"playhouse/{SLUG}:1.0"},
        }
    )
    await services.catalog.add_game(definition, EngineImage(image_id=IMAGE_ID, size_bytes=GIB))


async def add_hosts(database: Database, count: int) -> list[SimulatedHost]:
    """Hosts that have joined and lie ready for an hour without another word."""
    hosts = [SimulatedHost() for _ in range(count)]
    async with database.write() as session:
        now = await database.now(session)
        rows = [
            {
                "id": host.host_id,
                "name": f"host-{number}",
                "public_key": host.public_key,
                "public_url": "http://127.0.0.1:9100",
                "labels": {},
                "lease_until": now + timedelta(hours=1),
                "capacity": {
                    "cpu_cores": 4.0 * SEATS,
                    "memory_bytes": 4 * GIB * SEATS,
                    "seats": SEATS,
                    "disk_free_bytes": 100 * GIB,
                },
                "usage": {},
                "images": [{"image_id": IMAGE_ID, "size_bytes": GIB}],
                "pulling": {},
                "created_at": now,
            }
            for number, host in enumerate(hosts)
        ]
        for begin in range(0, count, _ROWS_AT_ONCE):
            await session.execute(insert(Host), rows[begin : begin + _ROWS_AT_ONCE])
    return hosts


async def add_people(services: Services, count: int) -> list[str]:
    """Session cookies of as many new accounts."""
    async with services.database.write() as session:
        now = await services.database.now(session)
        people = [a_person(number) for number in range(count)]
        rows = [row_of(each, now) for each in people]
        await session.execute(insert(AccountRow), rows)
    return [await services.accounts.issue_token(each) for each in people]


async def add_sessions(database: Database, running_on: Sequence[str], waiting: int) -> list[str]:
    """One running session for each name in `running_on`, a host's id, and as many that wait; the ids of the latter."""
    async with database.write() as session:
        now = await database.now(session)
        build = (await session.scalars(select(Build))).one()
        common = {
            "game_id": build.game_id,
            "build_id": build.id,
            "slot_id": "slot",
            "slot_number": 1,
            "timezone": "UTC",
            "created_at": now,
        }
        waits = new_life(now)
        life = {
            "position": waits.position.value,
            "generation": waits.generation,
            "failed_hosts": [],
            "log_tail": [],
            "deadline": waits.deadline,
            "expires_at": waits.expires_at,
            "ends_at": waits.ends_at,
            "host_id": None,
        }
        rows = [
            {
                **common,
                **life,
                "id": new_id("ses"),
                "owner": f"account:{number}",
                "position": Position.RUNNING.value,
                "host_id": host_id,
                "generation": 1,
                "reserved_cpu_cores": 0.5,
                "reserved_memory_bytes": GIB // 2,
            }
            for number, host_id in enumerate(running_on)
        ]
        ids = [new_id("ses") for _ in range(waiting)]
        rows += [
            {
                **common,
                **life,
                "id": session_id,
                "owner": f"account:w{number}",
                "reserved_cpu_cores": 0.0,
                "reserved_memory_bytes": 0,
            }
            for number, session_id in enumerate(ids)
        ]
        for begin in range(0, len(rows), _ROWS_AT_ONCE):
            await session.execute(insert(Session), rows[begin : begin + _ROWS_AT_ONCE])
    async with database.write() as session:
        await session.execute(text("ANALYZE"))
    return ids
