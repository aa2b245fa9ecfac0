"""What a registry knows of an image, by the distribution API: the digest of its manifest, its layers, its config.

It reads manifests and never a layer. Whoever has logged in with `docker login` is known here as well: passwords come
from Docker's own configuration, for the registry that they are kept for, and for token servers that it names.
"""

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import docker.auth
from docker.errors import DockerException

from orchestrator.catalog.images import ImageUnavailable
from orchestrator.catalog.manifests import ACCEPTED, Elsewhere, InvalidManifest, read_manifest
from orchestrator.catalog.references import ImageReference, is_plain_http

_DEADLINE_S = 30.0
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
    registry = reference.registry or ""
    scheme = "http" if is_plain_http(registry, insecure) else "https"
    timeout = aiohttp.ClientTimeout(total=_DEADLINE_S)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session:
            manifests = _Manifests(session, f"{scheme}://{registry}/v2/{reference.repository}/manifests/", find_login)
            return await _found(manifests, reference.wanted)
    except InvalidManifest as error:
        raise ImageUnavailable(f"{reference}: {error}.") from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        why = "it took too long" if isinstance(error, TimeoutError) else str(error)
        raise ImageUnavailable(f"The registry {registry} does not answer: {why}") from error


async def _found(manifests: "_Manifests", wanted: str) -> RegistryImage:
    for _ in range(2):  # an index, then the image
        body = await manifests.get(wanted)
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if wanted.startswith("sha256:") and digest != wanted:
            raise InvalidManifest(f"the registry answered another manifest than {wanted}")
        manifest = read_manifest(body)
        if not isinstance(manifest, Elsewhere):
            return RegistryImage(manifest.config_digest, digest, manifest.layers)
        wanted = manifest.digest
    raise InvalidManifest("the registry's index leads to another index")


class _Manifests:
    def __init__(self, session: aiohttp.ClientSession, base: str, find_login: FindLogin) -> None:
        self._session = session
        self._base = base
        self._find_login = find_login
        self._headers = {"Accept": ", ".join(ACCEPTED)}

    async def get(self, wanted: str) -> bytes:
        url = self._base + wanted
        for attempt in (1, 2):
            async with self._session.get(url, headers=self._headers) as answer:
                if answer.status == 401 and attempt == 1:
                    challenge = answer.headers.get("WWW-Authenticate", "")
                elif answer.status == 200:
                    return await _bounded(answer)
                else:
                    raise _refused(answer.status, url)
            self._headers["Authorization"] = await self._authorize(url, challenge)
        raise _refused(401, url)

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
