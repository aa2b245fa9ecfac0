"""The agent's side of `/api/agents/…`: joining, syncing, waiting for news, and moving saves.

Saves go past it where it signs an address of its store for them (`saves.direct`), and through it where not.

Every call has a deadline. A failure that a later try may better is `ControlPlaneUnreachableError`; a final no is
`ControlPlaneRefusedError`. One log line says when the control plane goes away, and one when it is back.

Tokens live for a minute by the orchestrator's clock. Where ours is far from the `Date` of a refusal, the call is made
again with a token of that time.
"""

import asyncio
import email.utils
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import aiohttp
import jwt
import pydantic
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent_protocol import (
    DownloadWay,
    JoinRequest,
    JoinResponse,
    News,
    RestoreSource,
    SavedVersion,
    Spoken,
    SyncRequest,
    SyncResponse,
    UploadWay,
    transfer_within_s,
)
from gameserver_agent.errors import (
    ControlPlaneAwayError,
    ControlPlaneRefusedError,
    ControlPlaneUnreachableError,
    HostRemovedError,
    OtherProtocolError,
    StoreAwayError,
)
from gameserver_agent.saves.direct import NO_CONNECTION, DirectStore, write_proven
from gameserver_agent.saves.patience import PIECE_BYTES, Patience

log = structlog.get_logger()
_TOKEN_LIFE_S = 60
_FAR_S = 20.0
_PROVING_S = 30.0
_STORE_AWAY = "store_unavailable"
_HOST_REMOVED = "host_removed"
_MAY_BETTER = frozenset({408, 425, 429})
Model = TypeVar("Model", bound=pydantic.BaseModel)
_JSON = {"Content-Type": "application/json"}
_JPEG = {"Content-Type": "image/jpeg"}


@dataclass(frozen=True)
class HostIdentity:
    host_id: str
    key: Ed25519PrivateKey


class OrchestratorClient:
    """One control plane. Use as `async with`. `now_s` is the orchestrator's time, as far as it is known here."""

    def __init__(self, base_url: str, now_s: Callable[[], float]) -> None:
        self._base_url = base_url.rstrip("/")
        self._now_s = now_s
        self._session: aiohttp.ClientSession | None = None
        self._direct: DirectStore | None = None
        self._away_since_s: float | None = None
        self.identity: HostIdentity | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=3)  # each call has its own whole time
        self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=False)
        self._direct = DirectStore(self._session, time.monotonic)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def join(self, request: JoinRequest) -> JoinResponse:
        content = request.model_dump_json().encode()
        body = await self._ask("POST", "/api/agents/join", data=content, headers=_JSON, is_signed=False)
        return _parsed(JoinResponse, body)

    async def sync(self, request: SyncRequest) -> SyncResponse:
        """Raises `OtherProtocolError` where the report is in a version that is not spoken there."""
        body = await self._ask("POST", "/api/agents/sync", data=request.model_dump_json().encode(), headers=_JSON)
        return _parsed(SyncResponse, body)

    async def wait(self, revision: int) -> News:
        """Held by the orchestrator for up to 25 s, unless it has another revision or comes to have one."""
        path = f"/api/agents/wait?revision={revision}"
        return _parsed(News, await self._ask("GET", path, total_s=35))

    async def download_save(self, source: RestoreSource, target: Path) -> None:
        """Write the archive to `target` and prove its size and SHA-256. Raises `SaveError` when they differ, and
        `ControlPlaneError`.
        """
        if await self._is_fetched_directly(source, target):
            return
        patience = Patience(transfer_within_s(source.size_bytes))
        async with self._answer("GET", source.path, patience) as response:
            await write_proven(patience.receiving(response.content.iter_chunked(PIECE_BYTES)), source, target)

    async def upload_save(
        self,
        session_id: str,
        generation: int,
        archive: Path,
        digest: str,
        *,
        number: int,
        total_s: float | None = None,
    ) -> SavedVersion:
        """Idempotent: the same archive of the same session and generation gives the same version. `number` grows with
        each capture. It goes straight to the store where a replica signs an address for it, else through a replica;
        either may take `total_s`, or as long as its size allows.
        """
        size_bytes = (await asyncio.to_thread(archive.stat)).st_size
        total_s = total_s or transfer_within_s(size_bytes)
        saves = f"/api/agents/sessions/{session_id}/saves"
        what = f"generation={generation}&n={number}&digest={digest}&size={size_bytes}"
        body = await self._stored_directly(saves, what, archive, total_s)
        if body is None:
            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size_bytes)}
            body = await self._ask("PUT", f"{saves}?{what}", data=archive, headers=headers, total_s=total_s)
        return SavedVersion(version_id=_parsed(_Version, body).version_id, digest=digest, size_bytes=size_bytes)

    async def _is_fetched_directly(self, source: RestoreSource, target: Path) -> bool:
        direct = self._require_direct()
        if not direct.is_reachable:
            return False
        way = await self._way(DownloadWay, "GET", f"/api/agents/saves/{source.version_id}/way")
        if way is None or way.url is None:
            return False
        return await direct.get(way.url, source, target, total_s=transfer_within_s(source.size_bytes))

    async def _stored_directly(self, saves: str, what: str, archive: Path, total_s: float) -> bytes | None:
        """The replica's word on an archive that went to the store by itself; None where it has to go by a replica."""
        direct = self._require_direct()
        if not direct.is_reachable:
            return None
        way = await self._way(UploadWay, "POST", f"{saves}/way?{what}")
        if way is None or way.direct is None or not await direct.put(way.direct, archive, total_s=total_s):
            return None
        try:
            return await self._ask("POST", f"{saves}/{way.direct.transfer}?{what}", total_s=_PROVING_S)
        except ControlPlaneRefusedError as error:
            if error.code == "not_arrived":  # the next try has a new address
                raise StoreAwayError(error.message) from error
            raise

    async def _way(self, kind: type[Model], method: str, path: str) -> Model | None:
        """None from an orchestrator that knows of no direct ways; whatever else it does not find, it says again."""
        try:
            return _parsed(kind, await self._ask(method, path))
        except ControlPlaneRefusedError as error:
            if error.status in (404, 405):
                return None
            raise

    async def upload_picture(self, version_id: str, jpeg: bytes) -> None:
        """The picture that belongs to a save version of this host. Idempotent."""
        await self._ask("PUT", f"/api/agents/saves/{version_id}/picture", data=jpeg, headers=_JPEG)

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        data: bytes | Path | None = None,
        total_s: float = 10,
        is_signed: bool = True,
    ) -> bytes:
        answer = self._answer(method, path, Patience(total_s), headers=headers, data=data, is_signed=is_signed)
        async with answer as response:
            return await response.read()

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        path: str,
        patience: Patience,
        *,
        headers: dict[str, str] | None = None,
        data: bytes | Path | None = None,
        is_signed: bool = True,
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        """A good answer, its body not yet read. Raises `ControlPlaneError`."""
        try:
            async with patience.limit, AsyncExitStack() as stack:

                async def ask(signed_at_s: float) -> aiohttp.ClientResponse:
                    sent = {**(headers or {}), **(self._authorization(int(signed_at_s)) if is_signed else {})}
                    body = patience.sending(stack.enter_context(data.open("rb"))) if isinstance(data, Path) else data
                    asking = self._require_session().request(method, self._url(path), data=body, headers=sent)
                    return await stack.enter_async_context(asking)

                response = await ask(self._now_s())
                if is_signed and response.status == 401:
                    date_s = _date_s(response)
                    if date_s is not None and abs(date_s - self._now_s()) > _FAR_S:
                        response = await ask(date_s)
                if response.status >= 500 or response.status in _MAY_BETTER:
                    refusal = _refusal(response.status, await response.read())
                    if refusal.code != _STORE_AWAY:
                        raise self._gone(f"status {response.status}")
                    raise StoreAwayError(refusal.message)
                if response.status != 200:
                    raise _refusal(response.status, await response.read())
                yield response
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            gone = self._gone(error)
            raise (ControlPlaneAwayError(str(gone)) if isinstance(error, NO_CONNECTION) else gone) from error
        if self._away_since_s is not None:
            log.info("control_plane.back", away_s=round(time.monotonic() - self._away_since_s, 1))
            self._away_since_s = None

    def _gone(self, reason: object) -> ControlPlaneUnreachableError:
        text = str(reason) or type(reason).__name__
        if self._away_since_s is None:
            self._away_since_s = time.monotonic()
            log.warning("control_plane.away", url=self._base_url, reason=text)
        return ControlPlaneUnreachableError(f"the orchestrator does not answer: {text}")

    def _authorization(self, now_s: int) -> dict[str, str]:
        identity = self.identity
        if identity is None:
            raise ControlPlaneRefusedError(401, "not_joined", "this host has not joined yet")
        claims = {
            "iss": f"host:{identity.host_id}",
            "aud": "orchestrator",
            "iat": now_s,
            "exp": now_s + _TOKEN_LIFE_S,
        }
        return {"Authorization": "Bearer " + jwt.encode(claims, identity.key, algorithm="EdDSA")}

    def _url(self, path: str) -> str:
        if not path.startswith("/") or path.startswith("//"):
            raise ControlPlaneRefusedError(400, "bad_path", f"the orchestrator named the path {path}")
        return self._base_url + path

    def _require_direct(self) -> DirectStore:
        if self._direct is None:
            raise RuntimeError("OrchestratorClient is used outside `async with`")
        return self._direct

    def _require_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("OrchestratorClient is used outside `async with`")
        return self._session


class _Version(pydantic.BaseModel):
    version_id: str = pydantic.Field(alias="versionId")


class _Problem(pydantic.BaseModel):
    error: str = "unknown"
    message: str = ""
    speaks: Spoken | None = None


def _parsed(kind: type[Model], body: bytes) -> Model:
    """An answer that cannot be read changes nothing here; the next one may be better."""
    try:
        return kind.model_validate_json(body)
    except pydantic.ValidationError as error:
        raise ControlPlaneUnreachableError(f"the orchestrator's answer cannot be read: {error}") from error


def _refusal(status: int, body: bytes) -> ControlPlaneRefusedError:
    try:
        problem = _Problem.model_validate_json(body)
    except pydantic.ValidationError:
        problem = _Problem(message=body[:200].decode(errors="replace"))
    kind = HostRemovedError if problem.error == _HOST_REMOVED else ControlPlaneRefusedError
    refusal = kind(status, problem.error, problem.message)
    return refusal if problem.speaks is None else OtherProtocolError(refusal, problem.speaks)


def _date_s(response: aiohttp.ClientResponse) -> float | None:
    """What the clock of whoever refused shows; None when it does not say."""
    try:
        return email.utils.parsedate_to_datetime(response.headers.get("Date", "")).timestamp()
    except ValueError:
        return None
