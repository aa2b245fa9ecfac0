"""Every door of the HTTP surface, and whose it is."""

import re
from collections.abc import Iterator

from litestar import Litestar
from litestar.routes import HTTPRoute

from orchestrator.accounts import tokens
from orchestrator.app import create_app
from orchestrator.arena.description import PREFIXES
from orchestrator.settings import Settings
from tests.api.stolen.scene import Scene

HOSTS, PUBLISHERS, TENANTS, PEOPLE = "a host's", "a publisher's", "a tenant's", "a signed-in person's"
OPEN = ("/api/auth/", "/api/games", "/api/agents/join", "/api/game/watch")
OPEN_OF_TENANTS = tuple(f"{prefix}/sessions/validate" for prefix in PREFIXES)


def doors() -> Iterator[tuple[str, str, str]]:
    """Whose, method, path: of every handler that takes a proof."""
    app: Litestar = create_app(Settings())
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for method in sorted(set(route.methods) - {"OPTIONS"}):
            whose = _whose(route.path)
            if whose is not None:
                yield whose, method, route.path


def _whose(path: str) -> str | None:
    if path.startswith(PREFIXES):
        return None if path in OPEN_OF_TENANTS or path.endswith("/rooms") else TENANTS
    if path.startswith("/api/partners") or (path.endswith("/upload") and path.startswith("/api/games")):
        return PUBLISHERS
    if path.startswith("/api/agents/") and not path.endswith("/join"):
        return HOSTS
    if path.startswith("/api/") and (path.endswith("/favorite") or not path.startswith((*OPEN, "/api/socket"))):
        return PEOPLE
    return None


DOORS = list(doors())
_QUERY = {"revision": "1", "generation": "1", "digest": "0" * 64, "size": "1", "sessionId": "ses1", "gameSlug": "x"}


async def opens_no_door(scene: Scene, secret: str, *but: str) -> None:
    """`secret`, as a bearer's and as a cookie, is answered 401 at every door but those of `but`."""
    headers = scene.bearer(secret) | {"Cookie": f"{tokens.COOKIE}={secret}"}
    async with scene.asking(**headers) as thief:
        asked = [(method, path) for whose, method, path in DOORS if whose not in but]
        for number, (method, path) in enumerate(asked):
            address = re.sub(r"\{transfer:\w+\}", "arc" + "0" * 22, path)
            address = re.sub(r"\{slug:\w+\}", "garden", address)
            address = re.sub(r"\{\w+:\w+\}", "x1", address)
            # Wrong keys are counted by address; the replica believes this machine's proxies.
            sender = {"X-Forwarded-For": f"192.0.2.{number}"}
            answer = await thief.request(method, address, params=_QUERY, headers=sender)
            assert answer.status_code == 401, (method, path, answer.status_code, answer.text)
    assert len(asked) > 50
