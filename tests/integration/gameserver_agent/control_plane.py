"""A control plane small enough to read: it keeps the wire's contract and remembers everything that it was told."""

import asyncio
import contextlib
import email.utils
import hashlib
import io
import tarfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

import jwt
import zstandard
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from agent_protocol import (
    PROTOCOL_VERSION,
    BuildSpec,
    DesiredSession,
    JoinRequest,
    JoinResponse,
    News,
    ObservedSession,
    RestoreSource,
    SyncRequest,
    SyncResponse,
    WarmSeats,
    WarmTitles,
)
from gameserver_agent.identity import public_key_text

HOST_ID = "hst1"
INSTALLATION = "ins1"
WAIT_LIMIT_S = 25.0
_JPEG = b"\xff\xd8\xff"


@dataclass
class ControlPlane:
    """Desired sessions in, observed sessions and saves out. Its clock is `ahead_s` ahead of this machine's."""

    host_id: str = HOST_ID
    ahead_s: float = 0.0
    warm_seats: tuple[WarmSeats, ...] = ()
    warm_titles: tuple[WarmTitles, ...] = ()
    desired: dict[str, DesiredSession] = field(default_factory=dict[str, DesiredSession])
    observed: dict[str, ObservedSession] = field(default_factory=dict[str, ObservedSession])
    saves: dict[str, bytes] = field(default_factory=dict[str, bytes])
    pictures: dict[str, list[bytes]] = field(default_factory=dict[str, list[bytes]])
    syncs: list[SyncRequest] = field(default_factory=list[SyncRequest])
    tokens: set[str] = field(default_factory=lambda: {"token"})
    ordered: set[str] = field(default_factory=set[str])
    prepulls: tuple[BuildSpec, ...] = ()
    last_report: tuple[int, int] = (0, 0)
    revision: int = 1
    is_away: bool = False
    is_store_away: bool = False
    knows_nobody: bool = False
    has_removed_host: bool = False
    url: str = ""
    signing: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    host_key: Ed25519PublicKey | None = None
    joined: tuple[str, str] | None = None
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=512 * 1024**2, middlewares=[self._guard])
        app.add_routes(
            [
                web.post("/api/agents/join", self._join),
                web.post("/api/agents/sync", self._sync),
                web.get("/api/agents/wait", self._wait),
                web.get("/api/agents/saves/{version}", self._save),
                web.put("/api/agents/saves/{version}/picture", self._take_picture),
                web.put("/api/agents/sessions/{session}/saves", self._take_save),
            ]
        )
        self.runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        host, port = self.runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.runner is not None
        await self.runner.cleanup()

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead_s)

    async def want(self, session: DesiredSession) -> None:
        self.desired[session.session_id] = session
        self.ordered.add(session.session_id)
        await self._tell()

    async def want_prepulls(self, *builds: BuildSpec) -> None:
        self.prepulls = builds
        await self._tell()

    async def want_stop(self, session_id: str) -> None:
        await self.want(self.desired[session_id].model_copy(update={"want": "stop"}))

    async def want_waiting(self, *seats: WarmSeats) -> None:
        """Ask for seats that wait, and return when there are just so many."""
        self.warm_seats = seats
        await self.until_waiting(sum(one.count for one in seats))

    async def until_waiting(self, count: int, within_s: float = 60) -> None:
        async with asyncio.timeout(within_s), self.news:
            await self.news.wait_for(
                lambda: bool(self.syncs) and sum(one.count for one in self.syncs[-1].warm_seats) == count
            )

    async def drop(self, session_id: str) -> None:
        """Stop listing it, and wait until the host no longer reports it."""
        del self.desired[session_id]
        await self._tell()
        async with asyncio.timeout(60), self.news:
            await self.news.wait_for(lambda: session_id not in {seen.session_id for seen in self.syncs[-1].sessions})

    async def until(
        self, session_id: str, fact: Callable[[ObservedSession], bool], within_s: float = 60
    ) -> ObservedSession:
        """The observed session as soon as `fact` holds of it."""
        try:
            async with asyncio.timeout(within_s), self.news:
                await self.news.wait_for(lambda: session_id in self.observed and fact(self.observed[session_id]))
        except TimeoutError:
            raise AssertionError(f"{session_id} is still {self.observed.get(session_id)}") from None
        return self.observed[session_id]

    async def until_saved(self, files: dict[str, bytes], within_s: float = 60) -> None:
        """Some archive has come that holds just these."""
        async with asyncio.timeout(within_s), self.news:
            await self.news.wait_for(lambda: any(files_of(archive) == files for archive in self.saves.values()))

    async def until_synced(self, count: int = 1, within_s: float = 60) -> None:
        seen = len(self.syncs)
        async with asyncio.timeout(within_s), self.news:
            await self.news.wait_for(lambda: len(self.syncs) >= seen + count)

    def restore_source(self, archive: bytes) -> RestoreSource:
        digest = hashlib.sha256(archive).hexdigest()
        self.saves[f"ver-{digest[:8]}"] = archive
        return RestoreSource(
            version_id=f"ver-{digest[:8]}",
            path=f"/api/agents/saves/ver-{digest[:8]}",
            digest=digest,
            size_bytes=len(archive),
        )

    def stream_token(self, session_id: str, *, epoch: int = 0, host_id: str | None = None) -> str:
        claims = {
            "iss": INSTALLATION,
            "aud": f"host:{host_id or self.host_id}",
            "exp": int(self.now().timestamp()) + 300,
            "session": session_id,
            "role": "player",
            "epoch": epoch,
            "jti": "1",
        }
        return jwt.encode(claims, self.signing, algorithm="EdDSA", headers={"kid": "k1"})

    @property
    def keys(self) -> dict[str, object]:
        key = {"kty": "OKP", "crv": "Ed25519", "x": public_key_text(self.signing), "kid": "k1", "alg": "EdDSA"}
        return {"keys": [key]}

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if self.is_away:
            return web.Response(status=503)
        headers = {"Date": email.utils.formatdate(self.now().timestamp(), usegmt=True)}
        if self.has_removed_host:
            return _refused(401, "host_removed", "this host was removed", headers)
        if self.knows_nobody or not (request.path.endswith("/join") or self._is_ours(request)):
            return _refused(401, "unauthorized", "no such host", headers)
        return await handler(request)

    async def _tell(self) -> None:
        async with self.news:
            self.revision += 1
            self.news.notify_all()

    def _is_ours(self, request: web.Request) -> bool:
        """A token of the host that joined, good by our clock."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if self.host_key is None or scheme != "Bearer":
            return False
        try:
            claims = jwt.decode(
                token,
                self.host_key,
                algorithms=["EdDSA"],
                audience="orchestrator",
                issuer=f"host:{self.host_id}",
                options={"verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            return False
        return bool(claims["iat"] - 30 <= self.now().timestamp() <= claims["exp"] + 30)

    async def _join(self, request: web.Request) -> web.Response:
        order = JoinRequest.model_validate_json(await request.read())
        if self.joined != (order.token, order.public_key):
            if order.token not in self.tokens:
                return _refused(401, "unauthorized", "this join token is unknown or used")
            self.tokens.remove(order.token)
            self.joined = order.token, order.public_key
            entry = {"kty": "OKP", "crv": "Ed25519", "x": order.public_key}
            key = jwt.PyJWK(entry, algorithm="EdDSA").key
            assert isinstance(key, Ed25519PublicKey)
            self.host_key, self.last_report = key, (0, 0)
        answer = JoinResponse(host_id=self.host_id, installation=INSTALLATION, keys=self.keys)
        return web.Response(text=answer.model_dump_json(), content_type="application/json")

    async def _sync(self, request: web.Request) -> web.Response:
        order = SyncRequest.model_validate_json(await request.read())
        if order.protocol != PROTOCOL_VERSION:
            return _refused(412, "unsupported_version", f"this is protocol {PROTOCOL_VERSION}")
        if (order.incarnation, order.seq) <= self.last_report:
            return _refused(409, "stale_sync", "a newer report was taken already")
        self.last_report = order.incarnation, order.seq
        async with self.news:
            self.syncs.append(order)
            for session in order.sessions:
                self.observed[session.session_id] = session
            self.news.notify_all()
        answer = SyncResponse(
            revision=self.revision,
            now=self.now(),
            sessions=tuple(self.desired.values()),
            warm_seats=self.warm_seats,
            warm_titles=self.warm_titles,
            next_sync_ms=1000,
            lease_until=self.now() + timedelta(seconds=6),
            keys=self.keys,
            prepulls=self.prepulls,
        )
        return web.Response(text=answer.model_dump_json(), content_type="application/json")

    async def _wait(self, request: web.Request) -> web.Response:
        known = int(request.query["revision"])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAIT_LIMIT_S), self.news:
                await self.news.wait_for(lambda: self.revision != known)
        news = News(revision=self.revision, sessions=None if self.revision == known else tuple(self.desired.values()))
        return web.Response(text=news.model_dump_json(), content_type="application/json")

    async def _save(self, request: web.Request) -> web.Response:
        archive = self.saves.get(request.match_info["version"])
        if archive is None:
            return _refused(404, "not_found", "no such save version")
        return web.Response(body=archive)

    async def _take_picture(self, request: web.Request) -> web.Response:
        version, body = request.match_info["version"], await request.read()
        if version not in self.saves:
            return _refused(404, "not_found", "no such save version")
        if not body.startswith(_JPEG):
            return _refused(400, "invalid_request", "a picture is a JPEG")
        async with self.news:
            self.pictures.setdefault(version, []).append(body)
            self.news.notify_all()
        return web.json_response({})

    async def _take_save(self, request: web.Request) -> web.Response:
        if self.is_store_away:
            return _refused(503, "store_unavailable", "no store")
        if request.match_info["session"] not in self.ordered:
            return _refused(404, "not_found", "no such session")
        body = await request.read()
        digest = request.query["digest"]
        if hashlib.sha256(body).hexdigest() != digest or len(body) != int(request.query["size"]):
            return _refused(400, "invalid_request", "the body is not what was announced")
        async with self.news:
            self.saves[f"ver-{digest[:8]}"] = body
            self.news.notify_all()
        return web.json_response({"versionId": f"ver-{digest[:8]}", "head": True})


def _refused(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": code, "message": message}, status=status, headers=headers)


def desired_session(session_id: str, image_id: str, script: str, **build_changes: object) -> DesiredSession:
    """A session whose game is a shell script in the tiny image, and which may last an hour."""
    now = datetime.now(UTC)
    build = BuildSpec(
        build_id="bld1",
        image="playhouse/tiny:latest",
        image_id=image_id,
        command=("/bin/sh", "-c", script),
        stop_grace_s=3,
    )
    return DesiredSession(
        session_id=session_id,
        generation=1,
        want="run",
        build=build.model_copy(update=build_changes),
        expires_at=now + timedelta(minutes=30),
        ends_at=now + timedelta(hours=1),
    )


def files_of(archive: bytes) -> dict[str, bytes]:
    """A save archive's files by path."""
    raw = zstandard.ZstdDecompressor().decompressobj().decompress(archive)
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        found = {member.name: tar.extractfile(member) for member in tar if member.isfile()}
    return {name: content.read() for name, content in found.items() if content is not None}


def archive_of(files: dict[str, bytes]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), 1_700_000_000
            tar.addfile(member, io.BytesIO(content))
    return zstandard.ZstdCompressor().compress(raw.getvalue())
