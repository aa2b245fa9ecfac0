"""`/pictures/…`: what was fetched, for whoever sees the game. HTTP only."""

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from orchestrator.http import AnyRequest
from orchestrator.pictures.drawing import MEDIA_TYPE
from orchestrator.pictures.service import Pictures

_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",  # another picture has another address
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


@get("/pictures/{picture_id:str}", include_in_schema=False)
async def game_picture(
    request: AnyRequest, picture_id: FromPath[str], pictures: NamedDependency[Pictures]
) -> Response[bytes]:
    """A cover or a screenshot; `304` to a browser that has it."""
    etag = f'"{picture_id}"'
    if request.headers.get("if-none-match") == etag:
        return Response(b"", status_code=304, headers={**_HEADERS, "ETag": etag}, media_type=MEDIA_TYPE)
    content = await pictures.content(picture_id)
    return Response(content, headers={**_HEADERS, "ETag": etag}, media_type=MEDIA_TYPE)
