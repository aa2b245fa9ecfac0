"""Saves and their pictures between the orchestrator and game hosts, under `/api/agents`. HTTP only."""

from typing import Annotated, Any

from litestar import Controller, Request, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, PathParameter, QueryParameter
from litestar.response import Stream

from agent_protocol import DirectUpload, DownloadWay, UploadWay
from orchestrator.api_operations import takes
from orchestrator.fleet.identity import HostIdentities
from orchestrator.http import received
from orchestrator.saves.heads import Accepted, Offer
from orchestrator.saves.intake import MOST_PICTURE_BYTES, SaveIntake
from orchestrator.saves.service import Saves

Digest = Annotated[str, QueryParameter(pattern=r"^[0-9a-f]{64}$")]
Generation = Annotated[int, QueryParameter(ge=1, lt=2**31)]
Number = Annotated[int, QueryParameter(name="n", ge=0, le=2**63 - 1)]
Size = Annotated[int, QueryParameter(ge=0, lt=2**53)]
Transfer = Annotated[str, PathParameter(pattern=r"^arc[0-9a-z]{22}$")]
Authorization = Annotated[str | None, HeaderParameter(name="Authorization", max_length=4096)]


class AgentSaveController(Controller):
    path = "/api/agents"
    tags = ("agents",)

    # The size of an archive is bounded by its game's build, the body by the announced size.
    @put(
        "/sessions/{session_id:str}/saves",
        status_code=200,
        operation_id="putSave",
        operation_class=takes("application/zstd"),
        request_max_body_size=None,
    )
    async def put_save(
        self,
        request: Request[Any, Any, Any],
        session_id: FromPath[str],
        generation: Generation,
        digest: Digest,
        size: Size,
        identities: NamedDependency[HostIdentities],
        save_intake: NamedDependency[SaveIntake],
        number: Number = 0,
        authorization: Authorization = None,
    ) -> dict[str, str | bool]:
        """The archive of a session's save, as a new version: the head where the generation may move it, else a side
        version.
        """
        host_id = await identities.authenticate(authorization)
        offer = Offer(session_id, generation, digest, size, number)
        return _answer(await save_intake.accept(host_id, offer, received(request)))

    @post("/sessions/{session_id:str}/saves/way", status_code=200, operation_id="getSaveUploadWay")
    async def upload_way(
        self,
        session_id: FromPath[str],
        generation: Generation,
        digest: Digest,
        size: Size,
        identities: NamedDependency[HostIdentities],
        save_intake: NamedDependency[SaveIntake],
        number: Number = 0,
        authorization: Authorization = None,
    ) -> UploadWay:
        """Where an archive of this digest goes directly; nothing where it has to come through here."""
        host_id = await identities.authenticate(authorization)
        direct = await save_intake.direct_way(host_id, Offer(session_id, generation, digest, size, number))
        if direct is None:
            return UploadWay()
        way = direct.way
        return UploadWay(direct=DirectUpload(url=way.url, headers=dict(way.headers), transfer=direct.transfer))

    @post("/sessions/{session_id:str}/saves/{transfer:str}", status_code=200, operation_id="announceSave")
    async def save_arrived(
        self,
        session_id: FromPath[str],
        transfer: Transfer,
        generation: Generation,
        digest: Digest,
        size: Size,
        identities: NamedDependency[HostIdentities],
        save_intake: NamedDependency[SaveIntake],
        number: Number = 0,
        authorization: Authorization = None,
    ) -> dict[str, str | bool]:
        """An archive went the direct way, and becomes a version as by `putSave`. 409 `not_arrived` without it."""
        host_id = await identities.authenticate(authorization)
        offer = Offer(session_id, generation, digest, size, number)
        return _answer(await save_intake.arrived(host_id, offer, transfer))

    @get("/saves/{version_id:str}/way", operation_id="getSaveDownloadWay")
    async def download_way(
        self,
        version_id: FromPath[str],
        identities: NamedDependency[HostIdentities],
        saves: NamedDependency[Saves],
        authorization: Authorization = None,
    ) -> DownloadWay:
        """Where this version can be had directly; without an address it has to come through here."""
        host_id = await identities.authenticate(authorization)
        return DownloadWay(url=await saves.direct_way(host_id, version_id))

    @get("/saves/{version_id:str}", media_type="application/zstd", operation_id="getSave")
    async def get_save(
        self,
        version_id: FromPath[str],
        identities: NamedDependency[HostIdentities],
        saves: NamedDependency[Saves],
        authorization: Authorization = None,
    ) -> Stream:
        """The archive of a version that a session of this host begins with."""
        host_id = await identities.authenticate(authorization)
        size_bytes, body = await saves.open_for_host(host_id, version_id)
        return Stream(body, media_type="application/zstd", headers={"Content-Length": str(size_bytes)})

    @put(
        "/saves/{version_id:str}/picture",
        status_code=200,
        operation_id="putSavePicture",
        operation_class=takes("image/jpeg"),
        request_max_body_size=MOST_PICTURE_BYTES,
    )
    async def put_picture(
        self,
        request: Request[Any, Any, Any],
        version_id: FromPath[str],
        identities: NamedDependency[HostIdentities],
        save_intake: NamedDependency[SaveIntake],
        authorization: Authorization = None,
    ) -> dict[str, str]:
        """The picture that the player saw last, with the version that this host has sent."""
        host_id = await identities.authenticate(authorization)
        picture = b"".join([piece async for piece in received(request)])
        await save_intake.put_picture(host_id, version_id, picture)
        return {}


def _answer(accepted: Accepted) -> dict[str, str | bool]:
    return {"versionId": accepted.version_id, "head": accepted.is_head}
