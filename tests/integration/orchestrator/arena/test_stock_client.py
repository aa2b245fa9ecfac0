"""The stock client of npm plays whole games of all kinds, by both paths and both transports."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator.services import open_services
from orchestrator.settings import Settings
from orchestrator.tenants.plans import Plan
from tests.integration.orchestrator.arena.conftest import ORIGIN
from tests.serving import serving

SCRIPT = Path(__file__).with_name("stock_client") / "play.mjs"
WAYS = [
    ("/socket.io", ["websocket", "polling"]),  # as the samples write it
    ("/socket.io", ["polling"]),
    ("/api/socket/io", ["websocket"]),
    ("/api/socket/io", ["polling"]),
]

Scenes = Mapping[str, Any]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, migrated_template: Path) -> list[Scenes]:
    """What was heard in each scene, for each of `WAYS`: all at once, on one replica, each way a tenant of its own."""
    data = tmp_path_factory.mktemp("stock-client")
    shutil.copyfile(migrated_template, data / "orchestrator.sqlite3")
    settings = Settings(data=data, database_url=f"sqlite+aiosqlite:///{data / 'orchestrator.sqlite3'}")
    keys = asyncio.run(_tenants(settings))
    with serving(settings) as url:
        ways = [
            {"key": key, "origin": _origin(number), "path": path, "transports": transports}
            for number, (key, (path, transports)) in enumerate(zip(keys, WAYS, strict=True))
        ]
        finished = subprocess.run(
            ["node", str(SCRIPT)],
            input=json.dumps({"url": url, "ways": ways}),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


async def _tenants(settings: Settings) -> list[str]:
    async with open_services(settings) as services:
        made = [
            await services.tenant_keys.create(f"Tenant {number}", Plan.GROWTH, [_origin(number)])
            for number in range(len(WAYS))
        ]
    return [live.secret for live, _ in made]


def _origin(number: int) -> str:
    return ORIGIN.replace("games", f"games{number}")


@pytest.fixture(params=range(len(WAYS)), ids=[f"{path[1:]}-{'-'.join(names)}" for path, names in WAYS])
def way(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture
def scenes(played: list[Scenes], way: int) -> Scenes:
    assert {name: scene["error"] for name, scene in played[way].items() if "error" in scene} == {}
    return played[way]


def test_all_hear_the_same_end_by_the_transport_that_was_asked_for(scenes: Scenes, way: int) -> None:
    for scene in scenes.values():
        assert all(over == scene["over"] for over in scene["overs"])
        assert set(scene["transports"]) == {WAYS[way][1][0]}


def test_chess_by_objects_and_by_san_with_a_watcher(scenes: Scenes) -> None:
    chess = scenes["chess"]
    white, black = (player["id"] for player in chess["match"]["players"])
    assert [player["username"] for player in chess["rooms"][0]["players"]] == [white.upper(), black.upper()]
    assert chess["watched"]["fen"] == chess["match"]["fen"]
    assert (chess["over"]["winner"], chess["over"]["reason"]) == (white, "checkmate")
    assert chess["over"]["pgn"] == "1. e4 e5 2. Qh5 Nc6 3. Bc4 Nf6 4. Qxf7# 1-0"
    assert set(chess["last"]["playerTimers"]) == {white, black}


def test_chess_promotes_and_ends_by_agreement(scenes: Scenes) -> None:
    drawn = scenes["chessDraw"]
    assert drawn["promoted"]["move"]["san"] == "fxg8=N"
    assert drawn["timers"] == 9
    assert (drawn["over"]["winner"], drawn["over"]["reason"]) == (None, "draw by agreement")
    assert (drawn["validated"]["status"], drawn["validated"]["game"]) == ("ended", "chess")
    assert drawn["validated"]["result"]["pgn"] == drawn["over"]["pgn"]


def test_checkers_to_the_last_piece_with_moves_sent_back_as_they_came(scenes: Scenes) -> None:
    checkers = scenes["checkers"]
    assert checkers["colours"] == ["red", "black"]
    assert checkers["crowned"] == [12, 18]
    assert len(checkers["last"]["board"]) == 64
    assert {piece["player"] for piece in checkers["last"]["board"] if piece} == {"red"}
    red = checkers["match"]["players"][0]["id"]
    assert (checkers["over"]["winner"], checkers["over"]["reason"]) == (red, "no pieces")


def test_connect_four_tells_the_four(scenes: Scenes) -> None:
    four = scenes["connect4"]
    assert [player["id"] for player in four["match"]["players"]] == ["ann", "bob"]
    assert (four["over"]["winner"], four["over"]["reason"]) == ("ann", "Four in a row!")
    assert sorted(four["over"]["winningCells"]) == [35, 36, 37, 38]
    assert four["last"]["lastMove"]["column"] == 0


def test_connect_four_against_a_bot_to_the_end(scenes: Scenes) -> None:
    game = scenes["connect4Bot"]
    assert [player["isBot"] for player in game["players"]] == [False, True]
    assert game["moves"] >= 7
    result = game["validated"]["result"]
    assert (result["winner"], result["reason"]) == (game["over"]["winner"], game["over"]["reason"])


def test_tic_tac_toe_over_a_broken_connection(scenes: Scenes) -> None:
    game = scenes["tictactoe"]
    assert game["symbols"] == ["X", "O"]
    assert game["disconnected"]["socketId"]
    assert game["back"]["board"] == ["X", "X", None, "O", *[None] * 5]
    assert game["afk"] is None or game["afk"]["playerId"] == "bob"
    assert (game["over"]["winner"], game["over"]["reason"], game["over"]["winningLine"]) == (
        "ann",
        "victory",
        [0, 1, 2],
    )


def test_whoever_resigns_loses(scenes: Scenes) -> None:
    game = scenes["tictactoeResigned"]
    assert game["over"]["reason"] == "resignation"
    assert game["over"]["winner"] == ({"ann", "bob"} - {game["resigned"]}).pop()
