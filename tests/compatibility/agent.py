"""What a game server says of itself, to a monitor without a key and to the platform with the agent's secret."""

from tests.compatibility.asking import Client, Shape, expect, is_list, is_number, is_whole
from tests.compatibility.checks import Part, World
from tests.compatibility.people import play, signed_in

PART = Part("Game servers")

HEALTH: Shape = {
    "status": lambda status: status in {"ok", "error"},
    "containers": is_whole,
    "cpu_percent": is_number,
    "memory_percent": is_number,
    "disk_percent": is_number,
}


@PART.check(
    "GET {agent}/api/health",
    "open to everybody: `status`, `containers`, `cpu_percent`, `memory_percent`, `disk_percent`",
)
async def health(world: World) -> None:
    async with Client(world.agent) as monitor:
        answer = (await monitor.get("/api/health")).ok(HEALTH)
        for name in ("cpu_percent", "memory_percent", "disk_percent"):
            expect(0 <= answer.number(name) <= 100, f"`{name}` is {answer.number(name)}")


@PART.check("GET {agent}/api/health", "`containers` counts the games that run")
async def containers_counted(world: World) -> None:
    async with Client(world.agent) as monitor, signed_in(world) as person:
        before = (await monitor.get("/api/health")).number("containers")
        await play(world, person, world.game)
        now = (await monitor.get("/api/health")).number("containers")
        expect(now == before + 1, f"before the game it was {before}, with it {now}")


@PART.check("GET {agent}/api/containers", "with the agent's secret: a list with every running game")
async def containers(world: World) -> None:
    async with Client(world.agent, bearer=world.agent_secret) as platform, signed_in(world) as person:
        await play(world, person, world.game)
        answer = await platform.get("/api/containers")
        expect(answer.status == 200, f"it answered {answer.status}: {answer.text[:200]}")
        body = answer.body()
        rows = body if is_list(body) else answer.at("containers")
        expect(isinstance(rows, list) and len(rows) > 0, f"it answered {answer.text[:200]}")


@PART.check("GET {agent}/api/containers", "401 without the secret, and with one that is none")
async def containers_refused(world: World) -> None:
    async with Client(world.agent) as visitor, Client(world.agent, bearer="not-the-secret") as stranger:
        for client in (visitor, stranger):
            answer = await client.get("/api/containers")
            expect(answer.status == 401, f"it answered {answer.status}")
