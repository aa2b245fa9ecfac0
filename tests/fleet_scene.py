"""A fleet in the database as many hosts and players would have left it: for the pages that show all of it."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from orchestrator.accounts.account import AccountState, Role
from orchestrator.accounts.models import AccountRow, Device
from orchestrator.audit.recording import COMMAND_LINE, Action, Actor, ActorKind, record
from orchestrator.catalog.definition import GameDefinition
from orchestrator.catalog.images import EngineImage
from orchestrator.catalog.models import Game
from orchestrator.fleet.models import BuildProfile, Host
from orchestrator.ids import new_id
from orchestrator.play.models import Session
from orchestrator.services import Services
from scheduler.profiles import EMPTY, Sample, updated

EVIL = "<img src=x onerror=alert(1)>"
HEBREW = "מארח"
GIB = 1024**3
NOWHERE = "blob-wars"  # no host has what it asks for: its sessions wait
_GAMES = [
    ("the-question", "The Question", "/static/games/the-question/thumbnail.jpg"),
    ("moss", "Moss", None),
    ("salt-and-stars", "Salt and Stars", None),
    ("evil", EVIL, None),
    ("shalom", "שלום עולם 𐌀", None),
    (NOWHERE, "Blob Wars", None),
]
_PEOPLE = ["Ada", "Grace", "<b>Bold</b>", "Ünïcödé 🎮", "𐌀 🎲", "שרה", "Alan", "Edsger", "Barbara", "Radia"]


@dataclass(frozen=True)
class FleetScene:
    """`placed` is how many sessions have their place on a host."""

    host_ids: list[str]
    placed: int
    batch_id: str
    game_slug: str


async def fill_fleet(services: Services, *, hosts: int, sessions: int, seed: int = 7) -> FleetScene:
    random = Random(seed)
    for number, (slug, title, thumbnail) in enumerate(_GAMES):
        await services.catalog.add_game(_definition(slug, title, thumbnail), EngineImage(_image(number), 1000))
    made = await services.library.make_codes("moss", 12, note=f"For the fair {EVIL}", expires_at=None)
    await services.library.make_codes("moss", 3, note="שלום", expires_at=None)
    builds = {game.slug: (game, build) for game, build in await services.catalog.list_builds()}
    games = [builds[slug] for slug, _, _ in _GAMES]
    async with services.database.write() as session:
        now = await services.database.now(session)
        rows = [_host(number, hosts, now, random) for number in range(hosts)]
        session.add_all(rows)
        people = [_person(number, now) for number in range(sessions)]
        session.add_all(people)
        await session.flush()
        session.add_all(_device(person, now, random) for person in people[:40])
        able = [row for row in rows if row.lease_until and row.lease_until > now]
        placed = 0
        for number, person in enumerate(people):
            is_waiting = number % 40 == 17
            game, build = games[-1] if is_waiting else games[min(int(random.expovariate(0.6)), len(games) - 2)]
            host = None if is_waiting else able[int(len(able) * random.random() ** 1.4)]
            placed += host is not None
            session.add(_session(number, person.id, game, build.id, host and host.id, now, random))
            if number % 4 == 0:
                session.add(_ended(number, person.id, game, build.id, rows[0].id, now, random))
        _profiles(session, games, now, random)
        _log(session, people, rows, now)
    return FleetScene([row.id for row in rows], placed, made.summary.batch.id, "moss")


def spare_host(name: str) -> Host:
    """One on which nothing plays and nothing lies."""
    now = datetime.now(UTC)
    return Host(
        id=new_id("hst"),
        name=name,
        public_key=new_id("k"),
        public_url="https://spare.example",
        labels={},
        noted_state="ready",
        lease_until=now + timedelta(hours=4),
        last_sync_at=now,
        capacity={"cpu_cores": 4.0, "memory_bytes": 8 * GIB, "seats": 0},
        usage={},
        images=[],
        pulling={},
        pull_bytes_per_s=None,
        created_at=now,
    )


def _definition(slug: str, title: str, thumbnail: str | None) -> GameDefinition:
    return GameDefinition.model_validate(
        {
            "slug": slug,
            "title": title,
            "developer": "Somebody",
            "description": "A game.",
            "tags": ["Cosy"],
            "thumbnail": thumbnail,
            "build": {
                "version": "1.0",
                "image": f"playhouse/{slug}:1.0",
                "labels": {"gpu": "yes"} if slug == NOWHERE else {},
            },
        }
    )


def _image(number: int) -> str:
    return "sha256:" + f"{number:x}" * 64


def _host(number: int, total: int, now: datetime, random: Random) -> Host:
    state = {1: "draining", 2: "lost", 3: "suspect"}.get(number % max(total, 60), "ready") if total > 4 else "ready"
    seen = {"lost": now - timedelta(hours=3), "suspect": now - timedelta(seconds=8)}.get(state, now)
    lease_until = {"lost": seen, "suspect": now - timedelta(seconds=2)}.get(state, now + timedelta(hours=4))
    cores, seats = random.choice([(8.0, 8), (16.0, 12), (32.0, 24)])
    names = {4: EVIL, 5: f"{HEBREW}-5", 6: f"a-host-with-a-very-long-name-indeed-{number:03}"}
    pulling = {_image(5): 310_000_000, _image(3): 95_000_000} if number % 7 == 0 else {}
    return Host(
        id=new_id("hst"),
        name=names.get(number, f"host-{number:03}"),
        public_key=new_id("k"),
        public_url=f"https://host{number}.example",
        labels={"region": ("north", "south", "west")[number % 3]},
        is_draining=state == "draining",
        draining_since=now if state == "draining" else None,
        noted_state=state,
        changes=[{"state": "ready", "at": (now - timedelta(days=2)).isoformat()}]
        + ([{"state": state, "at": seen.isoformat()}] if state != "ready" else []),
        lease_until=lease_until,
        last_sync_at=seen,
        capacity={
            "cpu_cores": cores,
            "memory_bytes": int(cores * 4 * GIB),
            "seats": seats,
            "disk_free_bytes": 200 * GIB,
            "disk_evictable_bytes": 3 * GIB,
        },
        usage={"cpu_cores": round(cores * random.uniform(0.05, 0.8), 2), "memory_bytes": int(cores * GIB)},
        images=[
            {"image_id": _image(image), "size_bytes": 400_000_000 + 7_000_000 * image}
            for image in range(random.randint(1, 6))
        ],
        pulling=pulling,
        pulls=[
            {"image_id": image, "done": 120_000_000, "total": 120_000_000 + left, "unasked": image == _image(3)}
            for image, left in pulling.items()
        ],
        pull_bytes_per_s=None,
        created_at=now - timedelta(days=40, minutes=number),
    )


def _person(number: int, now: datetime) -> AccountRow:
    return AccountRow(
        id=new_id("clx"),
        email=f"player{number:04}@example.org",
        name=f"{_PEOPLE[number % len(_PEOPLE)]} {number // len(_PEOPLE) or ''}".strip(),
        role=Role.PLAYER,
        state={11: AccountState.SUSPENDED, 12: AccountState.CLOSED}.get(number, AccountState.ACTIVE),
        email_verified_at=now if number % 3 else None,
        created_at=now - timedelta(days=number % 90, minutes=number + 1),
    )


def _device(person: AccountRow, now: datetime, random: Random) -> Device:
    signed_in_at = now - timedelta(minutes=random.randint(1, 5000))
    return Device(
        id=new_id("tok"),
        account_id=person.id,
        name="Firefox on Linux",
        signed_in_at=signed_in_at,
        expires_at=now + timedelta(days=3),
    )


def _session(
    number: int, person_id: str, game: Game, build_id: str, host_id: str | None, now: datetime, random: Random
) -> Session:
    position = "placing"
    if host_id is not None:
        position = {3: "pulling", 9: "booting", 14: "stopping", 21: "restoring"}.get(number % 40, "running")
    began = now - timedelta(seconds=random.randint(5, 9000))
    row: dict[str, Any] = {"end_code": "idle", "end_message": "Nobody played.", "end_by": "orchestrator"}
    return Session(
        **_of_session(person_id, game, build_id, began, now),
        position=position,
        host_id=host_id,
        reserved_cpu_cores=0.9 if host_id else 0.0,
        reserved_memory_bytes=700 * 2**20 if host_id else 0,
        is_paused=position == "running" and number % 11 == 0,
        peers=0 if number % 11 == 0 else 1,
        running_since=began + timedelta(seconds=4) if position in {"running", "stopping"} else None,
        log_tail=[],
        **(row if position == "stopping" else {}),
    )


def _ended(
    number: int, person_id: str, game: Game, build_id: str, host_id: str, now: datetime, random: Random
) -> Session:
    began = now - timedelta(hours=random.randint(3, 900))
    code, message, by = random.choice(
        [
            ("stopped", "You stopped the game.", "player"),
            ("crashed", "The game ended with exit code 139.", "game"),
            ("stopped_by_operator", f"The people who run this service stopped the game. They say: {EVIL}", "operator"),
        ]
    )
    return Session(
        **_of_session(person_id, game, build_id, began, now),
        position="stopped" if code != "crashed" else "error",
        host_id=host_id,
        running_since=began + timedelta(seconds=5),
        ended_at=began + timedelta(minutes=40),
        end_code=code,
        end_message=message,
        end_by=by,
        log_tail=["a line"],
        duration_s=2400.0,
    )


def _of_session(person_id: str, game: Game, build_id: str, began: datetime, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id("ses"),
        "owner": f"account:{person_id}",
        "game_id": game.id,
        "build_id": build_id,
        "slot_id": new_id("cls"),
        "slot_number": 1,
        "timezone": "UTC",
        "generation": 1,
        "failed_hosts": [],
        "deadline": now + timedelta(hours=3),
        "expires_at": now + timedelta(hours=3),
        "ends_at": now + timedelta(hours=8),
        "created_at": began,
    }


def _profiles(session: Any, games: list[Any], now: datetime, random: Random) -> None:
    for number, (_, build) in enumerate(games):
        for host_class in ("standard", "large")[: 1 + number % 2]:
            profile = EMPTY
            for _ in range(60):
                heavy = random.random() < 0.3
                sample = Sample(
                    played_s=random.uniform(30, 900),
                    cpu_cores=abs(random.gauss(0.9 if heavy else 0.35, 0.08)),
                    memory_peak_bytes=int(random.gauss(520 if heavy else 380, 30)) * 2**20,
                    boot_s=random.uniform(2.0, 4.5),
                    out_of_memory=number == 1 and random.random() < 0.03,
                    failed=False,
                    frame_s=0.017,
                )
                profile = updated(profile, sample)
            row = BuildProfile(
                build_id=build.id,
                host_class=host_class,
                profile=asdict(profile),
                updated_at=now - timedelta(minutes=9 * number),
            )
            session.add(row)


def _log(session: Any, people: list[AccountRow], rows: list[Host], now: datetime) -> None:
    if not people or not rows:
        return
    ada = Actor(ActorKind.ACCOUNT, people[0].id, "192.0.2.7")
    gone = Actor(ActorKind.ACCOUNT, "clxgone", None)
    deeds: list[tuple[Actor, Action, str, dict[str, Any]]] = [
        (ada, Action.HOST_DRAIN, rows[-1].id, {"moves": True}),
        (COMMAND_LINE, Action.GAME_ACCESS, "moss", {"needs_code": True}),
        (gone, Action.USER_SUSPEND, people[-1].id, {}),
        (ada, Action.SESSION_STOP, "ses4k0000000000000000000", {"reason": f"Too loud {EVIL} שלום 🎭"}),
        (COMMAND_LINE, Action.HOST_LABEL, rows[0].id, {"gpu": "yes", "site": None}),
        (gone, Action.USER_CLOSE, "clxgone2", {}),
    ]
    for number in range(60):
        by, action, subject, details = deeds[number % len(deeds)]
        record(session, by, action, subject, now - timedelta(minutes=17 * number), **details)
