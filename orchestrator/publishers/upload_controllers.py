"""How an archive comes: in one PUT at either documented address, or in parts by tus 1.0 (https://tus.io).

HTTP only. Of tus these are spoken: the core protocol, creation, expiration and termination.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from litestar import Controller, HttpMethod, Response, delete, get, patch, post, put, route
from litestar.di import NamedDependency, Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, PathParameter, QueryParameter
from litestar.types import Method
from litestar.types.internal_types import PathParameterDefinition

from orchestrator.api_operations import takes
from orchestrator.audit.recording import Actor
from orchestrator.errors import InvalidRequest, UnsupportedVersion
from orchestrator.http import AnyRequest, received
from orchestrator.publishers import digests, views
from orchestrator.publishers.controllers import SlugParameter
from orchestrator.publishers.dependencies import provide_publisher, provide_publisher_actor, with_key
from orchestrator.publishers.game_archive import MOST_ARCHIVE_BYTES
from orchestrator.publishers.models import Publisher
from orchestrator.publishers.schemas import Acceptance, UploadView
from orchestrator.publishers.status import UploadState
from orchestrator.publishers.uploads import KEPT, Owned, Uploads, Wanted

_TUS = "1.0.0"
_GZIP_TYPES = {"application/gzip", "application/x-gzip"}
_PART_TYPE = "application/offset+octet-stream"
_PARTNERS = "/api/partners/games/{slug:str}"

UploadId = Annotated[str, PathParameter(pattern=r"^upl[0-9a-z]{22}$")]
Version = Annotated[str | None, QueryParameter(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]
TusVersion = Annotated[str, HeaderParameter(name="Tus-Resumable", max_length=20)]
Length = Annotated[int, HeaderParameter(name="Upload-Length", ge=1, lt=2**53)]
Offset = Annotated[int, HeaderParameter(name="Upload-Offset", ge=0, lt=2**53)]
Metadata = Annotated[str | None, HeaderParameter(name="Upload-Metadata", max_length=4000)]
Digest = Annotated[str | None, HeaderParameter(name="Repr-Digest", max_length=500)]
ContentDigest = Annotated[str | None, HeaderParameter(name="Content-Digest", max_length=500)]


def _operation_id(_: HTTPRouteHandler, __: Method, path: list[str | PathParameterDefinition]) -> str:
    return "uploadArchive" if "partners" in path else "uploadArchiveToStorage"


class ArchiveController(Controller):
    tags = ("Publishers",)
    guards = (with_key,)
    dependencies = {"publisher": Provide(provide_publisher), "actor": Provide(provide_publisher_actor)}

    @put(
        [f"{_PARTNERS}/upload", "/api/games/{slug:str}/upload"],
        status_code=202,
        operation_id=_operation_id,
        operation_class=takes("application/gzip"),
        request_max_body_size=None,
    )
    async def upload(
        self,
        request: AnyRequest,
        slug: SlugParameter,
        uploads: NamedDependency[Uploads],
        publisher: NamedDependency[Publisher],
        actor: NamedDependency[Actor],
        version: Version = None,
        repr_digest: Digest = None,
        content_digest: ContentDigest = None,
    ) -> Acceptance:
        """The archive as the raw body (`application/gzip`). It is checked after the answer: the game's `status` and
        `upload` tell how that went. `Repr-Digest` may announce its SHA-256 (RFC 9530), `version` how it is called. 409
        `upload_in_progress` while another one of this game is on its way.
        """
        if request.content_type[0] not in _GZIP_TYPES:
            raise InvalidRequest("The body must be the archive itself, with Content-Type: application/gzip.")
        wanted = Wanted(_length(request), digests.announced(repr_digest, content_digest), version)
        return _acceptance(await uploads.receive_whole(publisher, slug, wanted, received(request), by=actor))


class ResumableUploadController(Controller):
    path = f"{_PARTNERS}/uploads"
    response_headers = {
        "Tus-Resumable": _TUS,
        "Tus-Version": _TUS,
        "Tus-Extension": "creation,expiration,termination",
        "Tus-Max-Size": str(MOST_ARCHIVE_BYTES),
    }
    tags = ("Publishers",)
    guards = (with_key,)
    dependencies = {"publisher": Provide(provide_publisher), "actor": Provide(provide_publisher_actor)}

    @post(operation_id="beginUpload", status_code=201, responses={201: ResponseSpec(None, description="Begun.")})
    async def begin(
        self,
        slug: SlugParameter,
        uploads: NamedDependency[Uploads],
        publisher: NamedDependency[Publisher],
        actor: NamedDependency[Actor],
        tus_resumable: TusVersion,
        upload_length: Length,
        upload_metadata: Metadata = None,
    ) -> Response[None]:
        """Begin an upload in parts. `Upload-Metadata` may say `sha256` (in hex) and `version`. `Location` is where the
        parts go.
        """
        _require_tus(tus_resumable)
        said = digests.metadata(upload_metadata)
        digest = digests.in_hex(said["sha256"]) if "sha256" in said else None
        version = said.get("version") or None
        if version is not None and (len(version) > 100 or "\0" in version):
            raise InvalidRequest("version: has at most 100 characters")
        begun = await uploads.begin(publisher, slug, Wanted(upload_length, digest, version), by=actor)
        headers = {"Location": f"/api/partners/games/{slug}/uploads/{begun.upload.id}"}
        return Response(None, status_code=201, headers={**_tus_headers(begun), **headers})

    @get("/{upload_id:str}", operation_id="getUpload")
    async def read(
        self,
        slug: SlugParameter,
        upload_id: UploadId,
        uploads: NamedDependency[Uploads],
        publisher: NamedDependency[Publisher],
    ) -> UploadView:
        """How far it is, or what became of it."""
        return views.upload((await uploads.of(publisher, slug, upload_id)).upload, slug)

    @route(
        "/{upload_id:str}",
        http_method=[HttpMethod.HEAD],
        status_code=200,
        operation_id="getUploadOffset",
        include_in_schema=False,
    )
    async def offset(
        self,
        slug: SlugParameter,
        upload_id: UploadId,
        uploads: NamedDependency[Uploads],
        publisher: NamedDependency[Publisher],
    ) -> Response[None]:
        """`Upload-Offset` says how much has arrived."""
        return Response(None, headers=_tus_headers(await uploads.of(publisher, slug, upload_id)))

    @patch(
        "/{upload_id:str}",
        operation_id="sendPart",
        operation_class=takes(_PART_TYPE),
        status_code=204,
        request_max_body_size=None,
    )
    async def send_part(
        self,
        request: AnyRequest,
        slug: SlugParameter,
        upload_id: UploadId,
        uploads: NamedDependency[Uploads],
        publisher: NamedDependency[Publisher],
        tus_resumable: TusVersion,
        upload_offset: Offset,
    ) -> Response[None]:
        """More of the archive (`application/offset+octet-stream`), from `Upload-Offset` on. The last part is answered
        once all is here; the archive is checked after that. 409 `wrong_offset` says in `offset` how much has arrived.
        """
        _require_tus(tus_resumable)
        if request.content_type[0] != _PART_TYPE:
            raise InvalidRequest(f"A part is sent with Content-Type: {_PART_TYPE}.")
        upload = await uploads.receive_part(publisher, slug, upload_id, upload_offset, received(request))
        return Response(None, status_code=204, headers=_tus_headers(upload))

    @delete("/{upload_id:str}", operation_id="giveUpUpload", status_code=204)
    async def give_up(
        self,
        slug: SlugParameter,
        upload_id: UploadId,
        uploads: NamedDependency[Uploads],
        publisher: NamedDependency[Publisher],
        actor: NamedDependency[Actor],
    ) -> None:
        """Nothing of it stays. 409 `upload_closed` when it is complete."""
        await uploads.give_up(publisher, slug, upload_id, by=actor)


def _acceptance(received: Owned) -> Acceptance:
    game = received.found.game
    return Acceptance(
        id=game.id, slug=game.slug, status=received.found.status, upload=views.upload(received.upload, game.slug)
    )


def _tus_headers(owned: Owned) -> Mapping[str, str]:
    upload = owned.upload
    is_open = upload.state == UploadState.RECEIVING
    headers = {"Upload-Offset": str(upload.received_bytes), "Upload-Length": str(upload.size_bytes or 0)}
    if is_open:
        headers["Upload-Expires"] = _http_date(upload.changed_at + KEPT)
    return headers


def _http_date(moment: datetime) -> str:
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")


def _require_tus(version: str) -> None:
    if version != _TUS:
        raise UnsupportedVersion(f"Of tus, {_TUS} is spoken here.")


def _length(request: AnyRequest) -> int | None:
    """As announced; None of a body of unknown length."""
    said = request.headers.get("content-length")
    return int(said) if said is not None and said.isdigit() else None
