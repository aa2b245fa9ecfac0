"""The store of saves in S3, or in anything that speaks it. It decides nothing about versions and never lists buckets.

Every archive is one PUT, whole or not at all, with `If-None-Match: *` and its SHA-256 signed beside it: whoever holds
such an address, we or a game host, can store these bytes under this key once, and nothing else. Nothing is ever left
half-written, so there is nothing to clear.

Keys are AWS's own: environment, files, or the role of the machine. They and signed addresses are never logged.
"""

import asyncio
import base64
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Self

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from agent_protocol import transfer_within_s
from orchestrator.errors import InvalidRequest, StoreUnavailable
from orchestrator.saves.presence import Presence
from orchestrator.saves.s3_location import S3Location
from orchestrator.saves.store import ArchiveGone, StoreRefused, UploadWay, does_not_match, store_unavailable

MOST_BYTES = 5 * 1024**3  # of one PUT
PUT_S = 50.0  # without a byte, and for a small archive in all: a little less than a host waits
CALL_S = 10.0
CHECK_S = 3.0
READ_S = 120.0
SLOWEST_BYTES_PER_S = 32 * 1024  # of a reader: beyond it and the two minutes it keeps others from their turn
WAY_LIFE_S = 120
_WRITES_AT_ONCE = 16
_READS_AT_ONCE = 32
_WAIT_FOR_TURN_S = 10.0
_PIECE_BYTES = 256 * 1024
_REFUSALS = frozenset(
    {
        "AccessDenied",
        "AuthorizationHeaderMalformed",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
    }
)


class S3Store:
    """`ArchiveStore` below one prefix of one bucket. Use as `async with`; it connects when it is first asked."""

    def __init__(self, location: S3Location, endpoint: str = "", region: str = "") -> None:
        self._location = location
        self._endpoint = endpoint or None
        self._region = region or None
        self._resources = AsyncExitStack()
        self._making = asyncio.Lock()
        self._client: Any = None
        self._http: aiohttp.ClientSession | None = None
        self._writes = asyncio.Semaphore(_WRITES_AT_ONCE)
        self._reads = asyncio.Semaphore(_READS_AT_ONCE)
        self._presence = Presence()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._resources.aclose()

    async def put(self, key: str, digest: str, size_bytes: int, body: AsyncIterator[bytes]) -> None:
        way = await self.upload_way(key, digest, size_bytes)
        if way is None:
            raise InvalidRequest(f"an archive has at most {MOST_BYTES} bytes", code="save_too_large")
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + PUT_S + transfer_within_s(size_bytes) - transfer_within_s(0)
        async with self._bounded(PUT_S, self._writes) as limit:

            def moved() -> None:
                with suppress(RuntimeError):  # it is over, and what was begun in it is not quite
                    limit.reschedule(min(ends_s, loop.time() + PUT_S))

            proven = _Proven(body, digest, size_bytes, moved)
            content = proven.pieces() if size_bytes else await proven.nothing()
            try:
                status = await self._send(way, content, size_bytes)
            except aiohttp.ClientError as error:
                if proven.failure is not None:
                    raise proven.failure from error
                raise self._gone(type(error).__name__) from None  # its text names the signed address
        if status not in {200, 412}:  # 412: it is there already
            raise self._gone(f"status {status}")
        self._presence.answered()

    async def read(self, key: str) -> AsyncGenerator[bytes]:
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + READ_S
        async with self._turn(self._reads):
            answer = await self._ask("get_object", Key=self._location.full_key(key))
            async with answer["Body"] as body:
                while True:
                    if loop.time() > ends_s:  # also where what comes next is here already
                        raise self._gone("read too slowly")
                    async with self._bounded(CALL_S):
                        try:
                            piece: bytes = await body.read(_PIECE_BYTES)
                        except (aiohttp.ClientError, BotoCoreError) as error:
                            raise self._gone(type(error).__name__) from None
                    if not piece:
                        return
                    ends_s += len(piece) / SLOWEST_BYTES_PER_S
                    yield piece

    async def delete(self, key: str) -> None:
        await self._ask("delete_object", Key=self._location.full_key(key))

    async def stored_before(self, moment_s: float) -> AsyncGenerator[str]:
        after: dict[str, str] = {}
        while True:
            page = await self._ask("list_objects_v2", Prefix=self._location.prefix, **after)
            for entry in page.get("Contents", ()):
                if entry["LastModified"].timestamp() < moment_s:
                    yield self._location.key_of(entry["Key"])
            if not page.get("IsTruncated"):
                return
            after = {"ContinuationToken": page["NextContinuationToken"]}

    async def clear_abandoned(self, moment_s: float) -> None:
        """A PUT that broke off has left nothing."""
        await self.check()

    async def check(self) -> None:
        async with self._bounded(CHECK_S):
            await self._ask("list_objects_v2", Prefix=self._location.prefix, MaxKeys=1)

    async def upload_way(self, key: str, digest: str, size_bytes: int) -> UploadWay | None:
        if size_bytes > MOST_BYTES:
            return None
        headers = {"If-None-Match": "*", "x-amz-checksum-sha256": _in_base64(digest)}
        signed = {
            "Bucket": self._location.bucket,
            "Key": self._location.full_key(key),
            "ContentLength": size_bytes,
            "IfNoneMatch": headers["If-None-Match"],
            "ChecksumSHA256": headers["x-amz-checksum-sha256"],
        }
        return UploadWay(await self._signed("put_object", signed), headers)

    async def download_way(self, key: str) -> str | None:
        named = {"Bucket": self._location.bucket, "Key": self._location.full_key(key)}
        return await self._signed("get_object", named)

    async def prove(self, key: str, digest: str, size_bytes: int) -> None:
        found = await self._ask("head_object", Key=self._location.full_key(key), ChecksumMode="ENABLED")
        checksum = found.get("ChecksumSHA256")
        if found["ContentLength"] != size_bytes:
            raise does_not_match()
        if checksum is not None:
            if checksum != _in_base64(digest):
                raise does_not_match()
            return
        sha256 = hashlib.sha256()  # a server that keeps no checksums
        async for piece in self.read(key):
            sha256.update(piece)
        if sha256.hexdigest() != digest:
            raise does_not_match()

    async def _signed(self, operation: str, parameters: Mapping[str, object]) -> str:
        """An address for this one operation. Nobody is asked for it but, at times, whoever gives us keys."""
        client = await self._connected()
        try:
            url: str = await client.generate_presigned_url(operation, Params=parameters, ExpiresIn=WAY_LIFE_S)
        except (BotoCoreError, ClientError) as error:
            raise self._failure(error) from error
        return url

    async def _send(self, way: UploadWay, content: AsyncIterator[bytes] | bytes, size_bytes: int) -> int:
        assert self._http is not None
        headers = {**way.headers, "Content-Length": str(size_bytes), "Content-Type": "application/octet-stream"}
        async with self._http.put(way.url, data=content, headers=headers, allow_redirects=False) as response:
            return response.status

    async def _ask(self, operation: str, **what: object) -> Mapping[str, Any]:
        """One call of S3, in time. `ArchiveGone`, `StoreUnavailable`, `StoreRefused`."""
        client = await self._connected()
        async with self._bounded(CALL_S):
            try:
                answer: Mapping[str, Any] = await getattr(client, operation)(Bucket=self._location.bucket, **what)
            except (BotoCoreError, ClientError) as error:
                if isinstance(error, ClientError) and _code(error) in {"NoSuchKey", "404"}:
                    raise ArchiveGone(str(what.get("Key"))) from error
                raise self._failure(error) from error
        self._presence.answered()
        return answer

    def _failure(self, error: Exception) -> Exception:
        if isinstance(error, NoCredentialsError | PartialCredentialsError):
            self._presence.failed("no keys")
            return StoreRefused("The store of saves needs keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
        if isinstance(error, ClientError):
            code = _code(error)
            if code in _REFUSALS:
                self._presence.failed(code)
                return StoreRefused(
                    f"The store of saves refuses our keys for bucket '{self._location.bucket}' ({code})."
                )
            if code == "NoSuchBucket":
                self._presence.failed(code)
                return StoreRefused(f"The store of saves has no bucket '{self._location.bucket}'. Create it first.")
            return self._gone(code)
        return self._gone(type(error).__name__)

    def _gone(self, reason: str) -> StoreUnavailable:
        self._presence.failed(reason)
        return store_unavailable()

    @asynccontextmanager
    async def _bounded(self, total_s: float, turns: asyncio.Semaphore | None = None) -> AsyncGenerator[asyncio.Timeout]:
        """The block within `total_s`, and in its turn. Late is `StoreUnavailable`."""
        try:
            async with asyncio.timeout(total_s) as limit:
                if turns is None:
                    yield limit
                    return
                async with self._turn(turns):
                    yield limit
        except TimeoutError as error:
            raise self._gone("no answer in time") from error

    @asynccontextmanager
    async def _turn(self, turns: asyncio.Semaphore) -> AsyncGenerator[None]:
        """One of the places at the store, so that a slow one holds up only those who ask it."""
        try:
            async with asyncio.timeout(_WAIT_FOR_TURN_S):
                await turns.acquire()
        except TimeoutError as error:
            raise self._gone("too many wait") from error
        try:
            yield
        finally:
            turns.release()

    async def _connected(self) -> Any:
        async with self._making:
            if self._client is None:
                timeout = aiohttp.ClientTimeout(total=None, sock_connect=3, sock_read=PUT_S)
                connector = aiohttp.TCPConnector(limit=_WRITES_AT_ONCE)
                session = aiohttp.ClientSession(timeout=timeout, connector=connector)
                self._http = await self._resources.enter_async_context(session)
                making = get_session().create_client(
                    "s3", endpoint_url=self._endpoint, region_name=self._region, config=_config(bool(self._endpoint))
                )
                try:
                    self._client = await self._resources.enter_async_context(making)
                except BotoCoreError as error:  # no region, for instance: its text says what to set
                    raise StoreRefused(f"The store of saves cannot be used: {error}") from error
        return self._client


class _Proven:
    """A body on its way to the store. Its last piece is given on only when the whole is what was announced, so that the
    store never has a body of another digest whole. `moved` is called with each piece; `failure` is what went wrong.
    """

    def __init__(self, body: AsyncIterator[bytes], digest: str, size_bytes: int, moved: Callable[[], None]) -> None:
        self._body = body
        self._digest = digest
        self._size_bytes = size_bytes
        self._moved = moved
        self.failure: Exception | None = None

    async def pieces(self) -> AsyncGenerator[bytes]:
        try:
            async for piece in self._proven():
                yield piece
        except Exception as error:
            self.failure = error
            raise

    async def nothing(self) -> bytes:
        async for _ in self._proven():
            pass
        return b""

    async def _proven(self) -> AsyncGenerator[bytes]:
        sha256, received, held = hashlib.sha256(), 0, b""
        async for piece in self._body:
            received += len(piece)
            self._moved()
            if received > self._size_bytes:
                raise does_not_match()
            sha256.update(piece)
            if piece:
                if held:
                    yield held
                held = piece
        if received != self._size_bytes or sha256.hexdigest() != self._digest:
            raise does_not_match()
        if held:
            yield held


def _config(has_endpoint: bool) -> AioConfig:
    return AioConfig(
        signature_version="s3v4",
        s3={"addressing_style": "path" if has_endpoint else "auto"},
        connect_timeout=3,
        read_timeout=CALL_S,
        retries={"max_attempts": 2, "mode": "standard"},
        max_pool_connections=_READS_AT_ONCE + 8,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def _in_base64(digest: str) -> str:
    return base64.b64encode(bytes.fromhex(digest)).decode()
