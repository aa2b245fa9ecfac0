"""What a registry knows of an image, by the distribution API: the digest of its manifest, its layers, its config.

`resolve` reads manifests and never a layer; `open_registry` is for whoever has more to ask of one. Whoever has logged
in with `docker login` is known here as well: passwords come from Docker's own configuration, for the registry that they
are kept for, and for token servers that it names.
"""

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import docker.auth
from docker.errors import DockerException
from yarl import URL

from orchestrator.catalog.images import ImageUnavailable
from orchestrator.catalog.manifests import ACCEPTED, Elsewhere, InvalidManifest, read_manifest
from orchestrator.catalog.references import ImageReference, is_plain_http

_DEADLINE_S = 30.0
_QUIET_S = 120.0
_MOST_BYTES = 4 * 1024**2
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Login:
    """As kept by `docker login`."""

    name: str
    password: str

    @property
    def header(self) -> str:
        return "Basic " + base64.b64encode(f"{self.name}:{self.password}".encode()).decode()


FindLogin = Callable[[str], Login | None]


@dataclass(frozen=True, slots=True)
class RegistryImage:
    """`image_id` is the config digest; `layers` maps digests to compressed bytes."""

    image_id: str
    manifest_digest: str
    layers: Mapping[str, int]


def docker_login(registry: str) -> Login | None:
    """What `docker login` kept for this registry, its credential helpers included. Blocks."""
    try:
        found = docker.auth.load_config().resolve_authconfig(registry)
    except (DockerException, OSError, ValueError) as error:
        raise ImageUnavailable(f"Docker's configuration cannot be read: {error}") from error
    name, password = (found or {}).get("username"), (found or {}).get("password")
    return Login(str(name), str(password)) if name and password else None


async def resolve(
    reference: ImageReference, *, insecure: tuple[str, ...] = (), find_login: FindLogin = docker_login
) -> RegistryImage:
    """The image that `reference` names in its registry, for linux/amd64. Raises `ImageUnavailable`."""
    async with open_registry(reference, insecure=insecure, find_login=find_login) as registry:
        return await found_in(registry, reference)


@asynccontextmanager
async def open_registry(
    reference: ImageReference,
    *,
    insecure: tuple[str, ...] = (),
    find_login: FindLogin = docker_login,
    deadline_s: float | None = _DEADLINE_S,
) -> AsyncGenerator["RegistrySession"]:
    """The registry that `reference` names. What fails in the block, and does not answer within `deadline_s` (None: for
    as long as bytes flow), is `ImageUnavailable`.
    """
    name = reference.registry or ""
    scheme = "http" if is_plain_http(name, insecure) else "https"
    timeout = aiohttp.ClientTimeout(total=deadline_s, sock_connect=_DEADLINE_S, sock_read=_QUIET_S)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session:
            yield RegistrySession(session, f"{scheme}://{name}", find_login)
    except InvalidManifest as error:
        raise ImageUnavailable(f"{reference}: {error}.") from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        why = "it took too long" if isinstance(error, TimeoutError) else str(error)
        raise ImageUnavailable(f"The registry {name} does not answer: {why}") from error


async def found_in(registry: "RegistrySession", reference: ImageReference) -> RegistryImage:
    """As `resolve`, in a registry that is open. Raises `ImageUnavailable`, `InvalidManifest`."""
    wanted = reference.wanted
    for _ in range(2):  # an index, then the image
        body = await registry.read(f"/v2/{reference.repository}/manifests/{wanted}", accept=", ".join(ACCEPTED))
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if wanted.startswith("sha256:") and digest != wanted:
            raise InvalidManifest(f"the registry answered another manifest than {wanted}")
        manifest = read_manifest(body)
        if not isinstance(manifest, Elsewhere):
            return RegistryImage(manifest.config_digest, digest, manifest.layers)
        wanted = manifest.digest
    raise InvalidManifest("the registry's index leads to another index")


class RegistrySession:
    """Requests to one registry, with its answer to a 401 where it asks for one."""

    def __init__(self, session: aiohttp.ClientSession, origin: str, find_login: FindLogin) -> None:
        self._session = session
        self._origin = origin
        self._find_login = find_login
        self._authorization: str | None = None

    @asynccontextmanager
    async def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Callable[[], AsyncIterable[bytes] | bytes] | None = None,
        fine: Collection[int] = (200,),
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        """Its answer, when the status is `fine`; else `ImageUnavailable`. `path` may be a whole address of its own, as
        in `Location`; `body` is asked for the body, again where it has to be sent again.
        """
        url = path if "://" in path else self._origin + path
        for attempt in (1, 2):
            sent = dict(headers or {})
            if self._authorization is not None and url.startswith(f"{self._origin}/"):
                sent["Authorization"] = self._authorization
            data = None if body is None else body()
            async with self._session.request(method, URL(url, encoded=True), headers=sent, data=data) as answer:
                if answer.status in fine:
                    yield answer
                    return
                if answer.status != 401 or attempt == 2:
                    raise _refused(answer.status, url)
                challenge = answer.headers.get("WWW-Authenticate", "")
            self._authorization = await self._authorize(url, challenge)

    async def read(self, path: str, *, accept: str = "*/*") -> bytes:
        """A small answer whole."""
        async with self.ask("GET", path, headers={"Accept": accept}) as answer:
            return await _bounded(answer)

    async def _authorize(self, url: str, challenge: str) -> str:
        """An answer to a 401 (https://distribution.github.io/distribution/spec/auth/token/)."""
        login = await asyncio.to_thread(self._find_login, urlsplit(url).netloc)
        scheme, _, rest = challenge.partition(" ")
        said = dict(_PARAMETER.findall(rest))
        if scheme.lower() == "basic" and login is not None:
            return login.header
        realm = said.get("realm", "")
        is_safe = realm.startswith("https://") or (realm.startswith("http://") and url.startswith("http://"))
        if scheme.lower() != "bearer" or not is_safe:
            raise _refused(401, url)
        query = {name: said[name] for name in ("service", "scope") if name in said}
        headers = {} if login is None else {"Authorization": login.header}
        async with self._session.get(realm, params=query, headers=headers) as answer:
            if answer.status != 200:
                raise _refused(401, url)
            try:
                found = json.loads(await _bounded(answer))
                token = found.get("token") or found.get("access_token")
            except (ValueError, AttributeError) as error:
                raise ImageUnavailable(f"The token server {urlsplit(realm).netloc} answered no token.") from error
        return f"Bearer {token}"


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in answer.content.iter_chunked(65536):
        body += piece
        if len(body) > _MOST_BYTES:
            raise InvalidManifest("the registry's answer has no end")
    return bytes(body)


def _refused(status: int, url: str) -> ImageUnavailable:
    parts = urlsplit(url)
    name = parts.path.removeprefix("/v2/").replace("/manifests/", "@" if "/manifests/sha256:" in parts.path else ":")
    if status == 404:
        return ImageUnavailable(f"The registry {parts.netloc} has no image {name}.")
    if status in (401, 403):
        return ImageUnavailable(
            f"The registry {parts.netloc} does not show {name} to us. Log in with `docker login {parts.netloc}`."
        )
    return ImageUnavailable(f"The registry {parts.netloc} answered {status} for {name}.")
