"""One GET of a picture from somebody else's server: within a deadline, bounded, and of a type that pictures have."""

import aiohttp

from orchestrator.outside.client import MISHAPS, Lookup, OutsideClient, trouble_of
from orchestrator.outside.reach import Reach
from orchestrator.pictures.faults import DEADLINE_S, MOST_BYTES, Fault

PUBLIC = Reach(public_schemes=("https", "http"))
_HEADERS = {"Accept": "image/webp, image/png, image/jpeg", "User-Agent": "Playhouse"}
# What stores say who were not told a type is as good: what counts is what the bytes are.
_TYPES = frozenset(
    {"image/jpeg", "image/jpg", "image/png", "image/webp", "application/octet-stream", "binary/octet-stream"}
)
_PIECE_BYTES = 64 * 1024


class NotFetched(Exception):
    """There is no picture to be had; `status` is what the server answered, where it did."""

    def __init__(self, fault: Fault, status: int | None = None) -> None:
        super().__init__(fault)
        self.fault = fault
        self.status = status


class Fetcher:
    """`lookup` gives the addresses of a host, as texts, and may block; `OSError` where there are none."""

    def __init__(self, reach: Reach = PUBLIC, *, lookup: Lookup | None = None, deadline_s: float = DEADLINE_S) -> None:
        self._outside = OutsideClient(reach, "picture-names", lookup)
        self._deadline_s = deadline_s

    async def fetch(self, url: str) -> bytes:
        """What the server sends. Raises `NotFetched`, whatever the server does."""
        try:
            async with (
                self._outside.connecting(url, self._deadline_s) as (client, target),
                client.get(target, headers=_HEADERS, allow_redirects=False) as answer,
            ):
                try:
                    _require_picture(answer)
                    return await _whole(answer)
                finally:
                    answer.close()  # what else it would say is not waited for
        except MISHAPS as error:
            raise NotFetched(Fault(trouble_of(error))) from error


def _require_picture(answer: aiohttp.ClientResponse) -> None:
    if 300 <= answer.status < 400:
        raise NotFetched(Fault.REDIRECT, answer.status)
    if answer.status != 200:
        raise NotFetched(Fault.STATUS, answer.status)
    if answer.content_type not in _TYPES or answer.headers.get("Content-Encoding", "identity") != "identity":
        raise NotFetched(Fault.NOT_A_PICTURE, answer.status)
    if (answer.content_length or 0) > MOST_BYTES:
        raise NotFetched(Fault.TOO_LARGE, answer.status)


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for piece in answer.content.iter_chunked(_PIECE_BYTES):
        content += piece
        if len(content) > MOST_BYTES:
            raise NotFetched(Fault.TOO_LARGE, answer.status)
    return bytes(content)
