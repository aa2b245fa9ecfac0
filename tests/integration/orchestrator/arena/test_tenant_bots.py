"""Bots of tenants: ordered by key, met in the queue when nobody else comes, and trained from their tenant's matches."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import func, select, update

from matches.bots import learned
from matches.bots.learned import Lessons, Tried
from matches.values import Game, Reason
from orchestrator.arena.bots import schooling
from orchestrator.arena.models import ArenaBot, ArenaLesson, ArenaMatch, ArenaRating, ArenaWaiting
from orchestrator.arena.presence import milliseconds
from orchestrator.arena.tenant_bots import REST, TRAINING
from orchestrator.arena.training import Training
from orchestrator.audit.models import AuditEvent
from orchestrator.audit.recording import Action
from orchestrator.services import Services
from orchestrator.tenants.models import Tenant
from tests.integration.orchestrator.arena.conftest import Backend, new_backend
from tests.integration.orchestrator.arena.past import DIAGONAL_WINS, play
from tests.integration.orchestrator.arena.players import Client, Clients, until

BOT = {"name": "Evenings", "playerId": "robin", "displayName": "Robin"}
BUILT_IN = {**BOT, "game": "tictactoe", "botType": "algorithmic", "difficulty": "easy"}
LEARNED = {**BOT, "game": "tictactoe", "botType": "learned", "targetRating": 3}
TRAINED_WITHIN_S = 300.0  # processes start, and games are played

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(autouse=True)
def measured_by_few_games(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "MEASURED_GAMES", 6)
    monkeypatch.setattr(schooling, "MEASURES_FOR_S", TRAINED_WITHIN_S)


@pytest.fixture
def without_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bot may be trained as soon as it was."""
    monkeypatch.setattr("orchestrator.arena.tenant_bots.REST", timedelta())


async def made(backend: Backend, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await backend.post("/v1/bots", {**fields, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def send(
    backend: Backend, method: str, path: str, fields: dict[str, Any] | None = None, key: str | None = None
) -> Any:
    headers = {"Authorization": f"Bearer {key or backend.live_key}"}
    return await backend.http.request(method, path, json=fields, headers=headers)


async def waits(clients: Clients, backend: Backend, player: str, **fields: Any) -> tuple[Client, dict[str, Any]]:
    session = await backend.session("tictactoe", player, **fields)
    client = await clients.connected("tictactoe", session["sessionToken"])
    await client.join(session, session["players"][0]["id"])
    await client.hears("matchmaking:waiting")
    return client, session


async def have_waited(services: Services, seconds: int = 16) -> None:
    """Everybody who waits has done so for so long."""
    async with services.database.write() as session:
        now_ms = milliseconds(await services.database.now(session))
        await session.execute(update(ArenaWaiting).values(since_ms=now_ms - seconds * 1000))


async def fill(app: Litestar, services: Services) -> int:
    """What the arena does every other second; how many matches began."""
    begun = await services.pairing.widen()
    for happened in begun:
        await app.state["arena"].begun(happened)
    return len(begun)


async def matches(services: Services) -> int:
    """How many have begun."""
    async with services.database.read() as session:
        return await session.scalar(select(func.count()).select_from(ArenaMatch)) or 0


async def trained(backend: Backend, bot_id: str) -> dict[str, Any]:
    """The bot once its training has come to something."""
    found: dict[str, Any] = {}

    async def has_ended() -> bool:
        found.update((await backend.get(f"/v1/bots/{bot_id}")).json())
        return found["training"]["status"] in {"done", "failed"}

    await until(has_ended, TRAINED_WITHIN_S)
    return found


async def test_bots_are_ordered_listed_changed_and_taken_away(backend: Backend) -> None:
    assert (await backend.get("/v1/bots")).json() == {"bots": []}
    bot = await made(backend, BUILT_IN)
    assert bot.items() >= {**BUILT_IN, "mode": "live", "matchmakingWeight": 100, "isReady": True}.items()
    assert (bot["targetRating"], bot["retrainThreshold"], bot["training"], bot["strength"]) == (None,) * 4
    learned = (await backend.post("/api/v1/bots", {**LEARNED, "game": "chess"})).json()
    assert (learned["isReady"], learned["training"]["status"], learned["retrainThreshold"]) == (False, "none", 50)
    assert (await backend.get("/api/v1/bots")).json() == {"bots": [bot, learned]}
    assert (await backend.get(f"/v1/bots/{bot['id']}")).json() == bot
    changed = await send(backend, "PATCH", f"/v1/bots/{bot['id']}", {"difficulty": "hard", "matchmakingWeight": 5})
    assert changed.json() == {**bot, "difficulty": "hard", "matchmakingWeight": 5}
    removed = await send(backend, "DELETE", f"/v1/bots/{bot['id']}")
    assert (removed.status_code, removed.content) == (204, b"")
    assert (await backend.get("/v1/bots")).json() == {"bots": [learned]}
    assert (await send(backend, "DELETE", f"/v1/bots/{bot['id']}")).json() == {"error": "Bot not found"}


async def test_other_tenants_and_the_other_environment_know_nothing_of_a_bot(
    backend: Backend, services: Services
) -> None:
    bot = await made(backend, LEARNED)
    other = await new_backend(services, backend.http, "Others")
    address = f"/v1/bots/{bot['id']}"
    for key in (other.live_key, backend.test_key):
        assert (await backend.get("/v1/bots", key=key)).json() == {"bots": []}
        for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/train")):
            answer = await send(backend, method, address + path, {} if method != "GET" else None, key)
            assert (answer.status_code, answer.json()) == (404, {"error": "Bot not found"})
    assert (await backend.get(address)).json() == bot
    assert (await backend.http.get("/v1/bots")).status_code == 401


async def test_what_is_refused_says_why(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refusal(fields: Any, method: str = "POST", path: str = "") -> tuple[int, str]:
        answer = await send(backend, method, f"/v1/bots{path}", fields)
        return answer.status_code, answer.json()["error"]

    bot = await made(backend, BUILT_IN)
    assert await refusal({**BUILT_IN, "game": "go"}) == (
        400,
        "Invalid game. Valid: chess, checkers, connect4, tictactoe",
    )
    assert await refusal([1]) == (400, "The body must be a JSON object.")
    assert await refusal(BUILT_IN) == (409, "This player has a bot of this game already")
    assert await refusal({"game": "chess"}, "PATCH", f"/{bot['id']}") == (400, "game cannot be changed")
    assert await refusal({}, "POST", f"/{bot['id']}/train") == (400, "Only learned bots are trained")
    monkeypatch.setattr("orchestrator.arena.tenant_bots.MOST_BOTS", 1)
    assert await refusal({**BUILT_IN, "playerId": "another"}) == (409, "A tenant has 1 bots at most")


async def test_nobody_plays_under_the_name_of_a_bot(backend: Backend, services: Services) -> None:
    await made(backend, BUILT_IN)
    fields = {"game": "chess", "players": [{"id": "robin"}]}
    refused = await backend.post("/v1/sessions", fields)
    assert (refused.status_code, refused.json()) == (400, {"error": "The player robin is reserved for a bot"})
    host = await backend.session("chess", "ann", matchType="private")
    join = {"roomCode": host["roomCode"], "game": "chess", "player": {"id": "robin"}}
    assert (await backend.post("/v1/sessions/join", join)).json() == {"error": "The player robin is reserved for a bot"}
    assert (await backend.post("/v1/sessions", fields, key=backend.test_key)).status_code == 201
    other = await new_backend(services, backend.http, "Others")
    assert (await other.post("/v1/sessions", fields)).status_code == 201


async def test_a_bot_comes_to_whom_nobody_met_and_only_of_their_own_tenant(
    app: Litestar, clients: Clients, backend: Backend, services: Services
) -> None:
    other = await new_backend(services, backend.http, "Others")
    stranger, _ = await waits(clients, other, "ann")
    ann, session = await waits(clients, backend, "ann")
    bot = await made(backend, BUILT_IN)
    await have_waited(services, -120)
    assert await fill(app, services) == 0  # she has only just come
    await have_waited(services)
    await fill(app, services)
    begun = await ann.hears("game:started")
    players = [(player["id"], player["displayName"], player["isBot"]) for player in begun["players"]]
    assert players == [("ann", "Ann", False), ("robin", "Robin", True)]
    await ann.say("game:move", {"roomId": begun["roomId"], "position": 0})
    assert (await ann.hears("game:move:made"))["playerId"] == "ann"
    assert (await ann.hears("game:move:made"))["playerId"] == "robin"
    assert (await backend.get("/v1/rooms?game=tictactoe")).json() == {"rooms": []}
    removed = await send(backend, "DELETE", f"/v1/bots/{bot['id']}")
    assert removed.status_code == 204
    await ann.say("game:resign", {"roomId": begun["roomId"]})
    assert (await ann.hears("game:over"))["winner"] == "robin"
    found = (await backend.get(f"/v1/sessions/{session['sessionId']}")).json()
    assert (found["status"], found["result"]["winner"]) == ("ended", "robin")
    assert (await matches(services), stranger.heard("game:started")) == (1, 0)


async def test_no_bot_comes_between_people_who_will_meet(
    app: Litestar, clients: Clients, backend: Backend, services: Services
) -> None:
    await made(backend, BUILT_IN)
    async with services.database.write() as session:
        key = {"tenant_id": backend.tenant_id, "mode": "live", "game": "tictactoe", "player_id": "bob"}
        session.add(ArenaRating(**key, rating=2_000, deviation=50, volatility=0.06))
    ann, _ = await waits(clients, backend, "ann")
    bob, _ = await waits(clients, backend, "bob")
    await have_waited(services)
    await fill(app, services)
    assert await matches(services) == 0
    await have_waited(services, 60)
    await fill(app, services)
    for player in (ann, bob):
        assert {each["id"] for each in (await player.hears("game:started"))["players"]} == {"ann", "bob"}
    assert await matches(services) == 1


async def test_bots_come_by_their_weight_and_none_that_was_not_trained(
    app: Litestar, clients: Clients, backend: Backend, services: Services
) -> None:
    await made(backend, BUILT_IN, playerId="never", matchmakingWeight=0)
    await made(backend, LEARNED, playerId="untrained", matchmakingWeight=1000)
    await made(backend, BUILT_IN, playerId="chess", game="chess")
    ann, _ = await waits(clients, backend, "ann")
    await have_waited(services)
    await fill(app, services)
    assert await matches(services) == 0
    await made(backend, BUILT_IN, matchmakingWeight=1)
    await fill(app, services)
    begun = await ann.hears("game:started")
    assert begun["players"][1]["id"] == "robin"


async def test_in_training_no_bot_comes(app: Litestar, clients: Clients, backend: Backend, services: Services) -> None:
    await made(backend, BUILT_IN)
    await waits(clients, backend, "nobody", mode="training")
    await have_waited(services)
    await fill(app, services)
    assert await matches(services) == 0


async def test_a_learned_bot_plays_what_its_tenants_people_won_with(
    app: Litestar, clients: Clients, backend: Backend, services: Services
) -> None:
    """And when it is deleted in the middle, the rest is played at its level: `medium` blocks."""
    other = await new_backend(services, backend.http, "Others")
    await play(services, backend.tenant_id, count=4)
    await play(services, backend.tenant_id, count=1, reason=Reason.DISCONNECT)
    await play(services, other.tenant_id, count=9)
    await play(services, None, count=9)
    await play(services, backend.tenant_id, count=9, mode="test")
    bot = await made(backend, LEARNED)
    asked = await backend.post(f"/v1/bots/{bot['id']}/train", {})
    assert (asked.status_code, asked.json()["training"]["status"]) == (202, "waiting")
    found = await trained(backend, bot["id"])
    assert (found["training"]["status"], found["training"]["error"], found["isReady"]) == ("done", None, True)
    assert found["training"]["matches"] == 4
    assert found["training"]["positions"] == len(DIAGONAL_WINS)
    strength = found["strength"]
    assert strength["games"] == sum(each["games"] for each in strength["against"].values()) == 6
    assert {each["games"] for each in strength["against"].values()} == {2}
    assert strength["against"]["hard"]["score"] <= 1  # it never loses
    assert 1 <= strength["stars"] <= 5
    async with services.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(ArenaLesson)) == len(DIAGONAL_WINS)
    ann, _ = await waits(clients, backend, "ann")
    await have_waited(services)
    await fill(app, services)
    begun = await ann.hears("game:started")
    await ann.say("game:move", {"roomId": begun["roomId"], "position": 0})
    assert [(await ann.hears("game:move:made"))["position"] for _ in range(2)] == [0, 4]
    assert (await send(backend, "DELETE", f"/v1/bots/{bot['id']}")).status_code == 204
    async with services.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(ArenaLesson)) == 0
    await ann.say("game:move", {"roomId": begun["roomId"], "position": 1})
    assert [(await ann.hears("game:move:made"))["position"] for _ in range(2)] == [1, 2]


async def test_too_few_matches_are_said(backend: Backend, services: Services) -> None:
    await play(services, backend.tenant_id, count=2)
    bot = await made(backend, LEARNED)
    await backend.post(f"/v1/bots/{bot['id']}/train", {})
    found = await trained(backend, bot["id"])
    assert (found["training"]["status"], found["isReady"], found["strength"]) == ("failed", False, None)
    assert found["training"]["error"] == (
        "Too little was played: 2 matches were read, and no position came up in 3 of them."
    )


async def test_a_bot_is_not_trained_over_and_over(backend: Backend, services: Services) -> None:
    bot = await made(backend, LEARNED)
    await backend.post(f"/v1/bots/{bot['id']}/train", {})
    assert (await trained(backend, bot["id"]))["training"]["status"] == "failed"
    for method, path, fields in (("POST", "/train", {}), ("PATCH", "", {"targetRating": 5})):
        asked = await send(backend, method, f"/v1/bots/{bot['id']}{path}", fields)
        assert asked.json()["training"]["status"] == "waiting"
        async with services.database.read() as session:
            row = (await session.scalars(select(ArenaBot))).one()
            assert row.tried_at is not None
            assert row.train_due_ms == milliseconds(row.tried_at + REST)


async def test_who_asks_again_while_it_waits_changes_nothing_and_leaves_no_line(
    backend: Backend, services: Services
) -> None:
    bot = await made(backend, LEARNED)
    await backend.post(f"/v1/bots/{bot['id']}/train", {})
    await trained(backend, bot["id"])
    for _ in range(3):
        asked = await backend.post(f"/v1/bots/{bot['id']}/train", {})
        assert asked.json()["training"]["status"] == "waiting"
    async with services.database.read() as session:
        lines = select(func.count()).where(AuditEvent.action == Action.TENANT_BOT_TRAIN)
        assert await session.scalar(lines) == 2


async def test_nobody_gets_around_the_rest_by_another_bot(backend: Backend, services: Services) -> None:
    first = await made(backend, LEARNED)
    await backend.post(f"/v1/bots/{first['id']}/train", {})
    await trained(backend, first["id"])
    async with services.database.read() as session:
        tried_at = (await session.scalars(select(ArenaBot.tried_at))).one()
    assert tried_at is not None
    assert (await send(backend, "DELETE", f"/v1/bots/{first['id']}")).status_code == 204
    for player in ("bot_ada", "bot_bob"):
        another = await made(backend, LEARNED, playerId=player)
        asked = await backend.post(f"/v1/bots/{another['id']}/train", {})
        assert asked.json()["training"]["status"] == "waiting"
        async with services.database.read() as session:
            row = await session.get_one(ArenaBot, another["id"])
            assert row.train_due_ms == milliseconds(tried_at + REST)
        assert (await send(backend, "DELETE", f"/v1/bots/{another['id']}")).status_code == 204


@pytest.mark.usefixtures("without_rest")
async def test_who_is_asked_for_another_strength_meanwhile_is_measured_once_more(
    backend: Backend, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await play(services, backend.tenant_id, count=3)
    bot = await made(backend, LEARNED)
    measure, measured, said = schooling.measure, list[float](), list[str]()

    async def changed_meanwhile(lessons: Lessons, stars: float) -> list[schooling.Score]:
        measured.append(stars)
        changed = await send(backend, "PATCH", f"/v1/bots/{bot['id']}", {"targetRating": 5})
        said.append(changed.json()["training"]["status"])
        return await measure(lessons, stars)

    monkeypatch.setattr(schooling, "measure", changed_meanwhile)
    await backend.post(f"/v1/bots/{bot['id']}/train", {})
    found = await trained(backend, bot["id"])
    assert (found["training"]["status"], found["strength"]["games"]) == ("done", 6)
    assert (measured, said) == ([3, 5], ["running", "running"])


@pytest.mark.usefixtures("without_rest")
async def test_enough_new_matches_train_a_bot_by_themselves_and_another_strength_anew(
    backend: Backend, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.arena.training.COUNT_EVERY_S", 0.0)
    bot = await made(backend, LEARNED, retrainThreshold=3)
    await play(services, backend.tenant_id, count=3)
    services.notices.hear(TRAINING)
    first = await trained(backend, bot["id"])
    assert (first["training"]["status"], first["training"]["matches"]) == ("done", 3)
    changed = await send(backend, "PATCH", f"/v1/bots/{bot['id']}", {"targetRating": 5})
    assert (changed.json()["training"]["status"], changed.json()["isReady"]) == ("waiting", True)
    assert changed.json()["strength"] is None
    again = await trained(backend, bot["id"])
    assert again["training"]["trainedAt"] > first["training"]["trainedAt"]
    await play(services, backend.tenant_id, count=3)

    async def has_learned_more() -> bool:
        services.notices.hear(TRAINING)
        return (await trained(backend, bot["id"]))["training"]["matches"] == 6

    await until(has_learned_more, TRAINED_WITHIN_S)


async def test_a_training_whose_replica_died_is_taken_up_again(backend: Backend, services: Services) -> None:
    await play(services, backend.tenant_id, count=3)
    bot = await made(backend, LEARNED)
    async with services.database.write() as session:
        await session.execute(update(ArenaBot).values(training="running", train_due_ms=1))
    services.notices.hear(TRAINING)
    assert (await trained(backend, bot["id"]))["training"]["status"] == "done"


async def test_tenants_take_turns_with_their_trainings(services: Services) -> None:
    """However many bots one of them has trained, and however early: nobody has two trained at a time, and next is who
    was not for the longest time.
    """
    replicas = [Training(services.database, services.notices) for _ in range(2)]
    async with httpx.AsyncClient() as nobody:
        many, few = [await new_backend(services, nobody, name) for name in ("Many", "Few")]
    names: dict[str, str] = {}
    for name, tenant in {"m1": many, "m2": many, "m3": many, "f1": few}.items():
        key = await services.tenant_keys.authenticate(tenant.live_key, address="127.0.0.1")
        names[(await services.tenant_bots.create(key, {**LEARNED, "playerId": name})).id] = name

    async def is_now(name: str, *, due_ms: int | None, tried_s: int | None = None) -> None:
        tried_at = None if tried_s is None else datetime.fromtimestamp(tried_s, UTC)
        async with services.database.write() as session:
            changed = update(ArenaBot).where(ArenaBot.player_id == name)
            await session.execute(changed.values(training="waiting", train_due_ms=due_ms, tried_at=tried_at))

    async def claimed(by: Training) -> str | None:
        pupil = await by.claim()
        return None if pupil is None else names[pupil.bot_id]

    for due_ms, name in enumerate(names.values(), 1):
        await is_now(name, due_ms=due_ms)
    assert [await claimed(replicas[number]) for number in (0, 1, 0)] == ["m1", "f1", None]
    await is_now("m1", due_ms=None, tried_s=1)
    await is_now("f1", due_ms=5, tried_s=2)
    assert await claimed(replicas[0]) == "m2"
    await is_now("m2", due_ms=None, tried_s=3)
    assert await claimed(replicas[1]) == "f1"
    assert await claimed(replicas[0]) == "m3"

    for name, tried_s in {"m1": None, "m2": None, "m3": 3, "f1": 4}.items():
        await is_now(name, due_ms=1 if tried_s else None, tried_s=tried_s)
    async with services.database.write() as session:
        since_removed = update(Tenant).where(Tenant.id == many.tenant_id)
        await session.execute(since_removed.values(bots_tried_at=datetime.fromtimestamp(5, UTC)))
    assert await claimed(replicas[0]) == "f1"


@pytest.mark.usefixtures("without_rest")
async def test_a_training_that_fails_leaves_what_was_learned_before(
    backend: Backend, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await play(services, backend.tenant_id, count=3)
    bot = await made(backend, LEARNED)
    monkeypatch.setattr(schooling, "MEASURES_FOR_S", 0.0)
    await backend.post(f"/v1/bots/{bot['id']}/train", {})
    unmeasured = await trained(backend, bot["id"])
    assert (unmeasured["isReady"], unmeasured["strength"]["games"], unmeasured["strength"]["stars"]) == (True, 0, None)
    monkeypatch.setattr(schooling, "LEARNS_WITHIN_S", 0.0)
    await backend.post(f"/v1/bots/{bot['id']}/train", {})
    assert_failed(await trained(backend, bot["id"]))

    async def unwritable(game: Game, _records: Sequence[str]) -> Lessons:
        return Lessons(game, 3, {"\ud800": {"{}": Tried(3, 3)}})

    monkeypatch.setattr(schooling, "learn", unwritable)
    await backend.post(f"/v1/bots/{bot['id']}/train", {})
    assert_failed(await trained(backend, bot["id"]))


def assert_failed(found: dict[str, Any]) -> None:
    told = found["training"]
    assert (told["status"], told["error"]) == ("failed", "It could not be trained. Try again later.")
    assert (found["isReady"], told["positions"]) == (True, len(DIAGONAL_WINS))
