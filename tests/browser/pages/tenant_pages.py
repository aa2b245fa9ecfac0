"""A tenant with keys, and a web site of its own that shows the arena in frames."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode, urljoin

import httpx
from sqlalchemy import update

from orchestrator.arena.models import ArenaSession
from orchestrator.services import open_services
from orchestrator.settings import Settings
from orchestrator.tenants.plans import Plan

SITE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Acme Games</title><style>html, body, #game {{ height: 100%; margin: 0 }}</style></head>
<body><div id="game"></div>
<script type="module">
  import {{ mount }} from "{playhouse}/arena.js";
  const asked = Object.fromEntries(new URLSearchParams(location.search));
  window.heard = [];
  window.arena = mount(document.getElementById("game"), {{ ...asked, playAgain: true }});
  const names = "ready state waiting left started reconnected watching move draw_offered over play_again error";
  for (const name of names.split(" ")) arena.on(name, (data) => window.heard.push([name, data]));
</script></body></html>"""


@dataclass(frozen=True)
class Site:
    """`origin` is what the tenant lists, `strange` the same pages at an origin that it does not."""

    origin: str
    strange: str


@contextmanager
def site_of(playhouse: str, pages: dict[str, str] | None = None) -> Generator[Site]:
    """A tenant's web site; `pages` are further ones of it, by path."""
    page = SITE.format(playhouse=playhouse)

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = (pages or {}).get(self.path.partition("?")[0], page)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(found.encode())

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Quietly."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        port = server.server_address[1]
        yield Site(f"http://localhost:{port}", f"http://127.0.0.1:{port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Tenant:
    """A tenant's backend. `settings` are those of its Playhouse."""

    playhouse: str
    site: Site
    key: str
    settings: Settings

    def session(self, game: str, *players: str, **fields: Any) -> dict[str, Any]:
        people = [{"id": player, "displayName": player.title()} for player in players]
        headers = {"Authorization": f"Bearer {self.key}"}
        order = {"game": game, "players": people, **fields}
        answer = httpx.post(f"{self.playhouse}/v1/sessions", headers=headers, json=order, timeout=60)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def becomes(self, session: dict[str, Any], **values: Any) -> None:
        """What the session's row holds from now on, whatever happened to it."""
        mine = update(ArenaSession).where(ArenaSession.id == session["sessionId"])
        async with open_services(self.settings) as services, services.database.write() as rows:
            await rows.execute(mine.values(**values))

    def get(self, address: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """As a browser asks that knows no key."""
        return httpx.get(urljoin(self.playhouse, address), headers=headers, timeout=60)

    def address(self, session: dict[str, Any], **asked: str) -> str:
        """A page of the tenant's that shows this session."""
        return f"{self.site.origin}/?{urlencode({'token': session['sessionToken'], **asked})}"

    def embed(self, session: dict[str, Any], **asked: str) -> str:
        """The frame's page by itself."""
        return f"{self.playhouse}/embed?{urlencode({'token': session['sessionToken'], **asked})}"


async def new_key(settings: Settings, origin: str, name: str) -> str:
    async with open_services(settings) as services:
        live, _ = await services.tenant_keys.create(name, Plan.ENTERPRISE, [origin])
        return live.secret
