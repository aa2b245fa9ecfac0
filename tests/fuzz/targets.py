"""Every parser that a stranger's bytes reach, as a function that takes any bytes: it comes back, or it is a finding.

Beside "no other exception than the named ones" each target checks what must hold of what was let through.
"""

import asyncio
import gzip
import io
import json
import os
import shutil
import socket
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import aiohttp
import pydantic
import zstandard
from aiortc import sdp as aiortc_sdp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from engineio.payload import Payload

from gameserver_agent.http.app import ConnectRequest
from gameserver_agent.http.stream_token import Expected, TokenRefusedError, verified_bearer
from gameserver_agent.identity import public_key_text
from gameserver_agent.saves import archive_child
from matches.refusals import MoveRefused
from matches.rules import RULES
from matches.values import Game
from orchestrator.accounts.tokens import read as read_cookie
from orchestrator.archives.errors import ArchiveRefused
from orchestrator.archives.paths import Entry
from orchestrator.arena.engine import _WithoutAttachments  # pyright: ignore[reportPrivateUsage] - what reads packets
from orchestrator.arena.saying import Said, fields_of, square_of, text_of, token_of, walk_in_order
from orchestrator.arena.session_tokens import SessionTokens
from orchestrator.errors import InvalidRequest
from orchestrator.http import local_path, sender
from orchestrator.installation import Installation
from orchestrator.outside.reach import Reach, UnfitUrl, address_in, is_public
from orchestrator.pictures import redraw
from orchestrator.play.proxy import MAX_ANSWER_BYTES, HostUnreachable, passed_on
from orchestrator.publishers import digests
from orchestrator.publishers.game_archive import look_into, read_game
from orchestrator.saves.archive_check import MOST_ENTRIES, NotASave, SaveShape, check
from orchestrator.web.rendering import STATIC
from streaming import aiortc_extensions
from streaming.clipboard_text import clean_text
from streaming.errors import SeatError
from streaming.page_messages import parse_control
from streaming.peer import Peer
from streaming.pointer_messages import parse_pointer
from streaming.protocol import SessionDescription
from tests.fuzz import seeds

MOST_SAVE_BYTES = 1024**2


@dataclass(frozen=True)
class Target:
    """`rounds` are how many inputs the deterministic run tries, within a second or so; `words` are what its language
    is made of.
    """

    run: Callable[[bytes], None]
    seeds: Sequence[bytes]
    rounds: int
    words: Sequence[bytes] = ()


def channel_messages(data: bytes) -> None:
    """What a page says on its two data channels."""
    parse_pointer(data)
    parse_pointer(data.decode("latin-1"))
    parse_control(data)
    parse_control(data.decode("utf-8", "replace"))
    assert "\0" not in clean_text(data)


def offers(data: bytes) -> None:
    """The body of `/session/{id}/connect`, and the offer in it as aiortc reads it, without a connection."""
    with suppress(pydantic.ValidationError):
        ConnectRequest.model_validate_json(data)
    sdp = aiortc_extensions.without_hidden_candidates(data.decode("utf-8", "replace"))
    with suppress(
        ValueError, LookupError, TypeError, AttributeError, AssertionError, StopIteration
    ):  # as `Peer.answer`
        aiortc_extensions.require_modest(sdp)
        aiortc_sdp.SessionDescription.parse(sdp)


def answers(data: bytes) -> None:
    """An offer answered by a whole peer: refused as `bad_offer`, or answered."""
    _LOOP.run_until_complete(_answered(data.decode("utf-8", "replace")))


async def _answered(sdp: str) -> None:
    peer = Peer(_Nobody())
    try:
        with suppress(SeatError):
            answer = await peer.answer(SessionDescription(type="offer", sdp=sdp[:64_000]))
            assert answer.sdp.startswith("v=0")
    finally:
        await peer.close()


def proxied(data: bytes) -> None:
    """What a host answers, byte for byte, to an offer that a replica passes on: an answer for a browser, or none."""
    _LOOP.run_until_complete(_proxied(data))


async def _proxied(data: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"{}")
            writer.write(data)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server, aiohttp.ClientSession() as client:
        port = server.sockets[0].getsockname()[1]
        with suppress(HostUnreachable):
            status, body = await passed_on(client, f"http://127.0.0.1:{port}/session/ses1/connect", b"{}")
            assert 200 <= status < 600
            assert len(body) <= MAX_ANSWER_BYTES


class _Nobody:
    """Hears what a peer tells."""

    def peer_connected(self, peer: Peer) -> None: ...
    def peer_opened(self, peer: Peer) -> None: ...
    def peer_closed(self, peer: Peer) -> None: ...
    def peer_said(self, peer: Peer, label: str, message: object) -> None: ...
    def peer_needs_keyframe(self, peer: Peer) -> None: ...
    def peer_steered(self, peer: Peer) -> None: ...


def games(data: bytes) -> None:
    """A publisher's archive: gzip of any tar, or any bytes. What passes stays in its folder."""
    whole = gzip.compress(data[1:], compresslevel=0, mtime=0) if data[:1] < b"\x80" else data[1:]
    pieces = [whole[at : at + 777] for at in range(0, len(whole), 777)]
    with suppress(ArchiveRefused):
        look_into(pieces)
    taken: list[Entry] = []
    with suppress(ArchiveRefused):
        read_game(pieces, "garden-of-forking-paths.sh", lambda entry, _: taken.append(entry))
    for entry in taken:
        parts = entry.path.split("/")
        assert ".." not in parts, entry
        assert not entry.path.startswith("/"), entry


def saves(data: bytes) -> None:
    """A save that a person hands in: what is let through, a host can restore."""
    whole = zstandard.ZstdCompressor(level=1).compress(data[1:]) if data[:1] < b"\x80" else data[1:]
    try:
        files = check(io.BytesIO(whole), SaveShape((), (), MOST_SAVE_BYTES))
    except NotASave:
        return
    folder = tempfile.mkdtemp(prefix="fuzz-", dir="/dev/shm")
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with (
            zstandard.ZstdDecompressor().stream_reader(io.BytesIO(whole)) as unpacked,
            tarfile.open(fileobj=unpacked, mode="r|") as archive,
        ):
            archive_child.restore(root, archive, archive_child.Bounds(MOST_ENTRIES, MOST_SAVE_BYTES))
        restored = sum(len(found) for _, _, found in os.walk(folder))
        assert 0 < restored <= files
    finally:
        os.close(root)
        shutil.rmtree(folder)


def socket_messages(data: bytes) -> None:
    """What a player's client says by Engine.IO and Socket.IO, down to a move on an empty board."""
    text = data.decode("utf-8", "replace")
    with suppress(ValueError, LookupError, RecursionError, TypeError):  # what the engine answers 400 to
        for packet in Payload(encoded_payload=text).packets:
            if isinstance(packet.data, str):
                _WithoutAttachments(encoded_packet=packet.data)
    with suppress(ValueError, LookupError, RecursionError, TypeError):
        _WithoutAttachments(encoded_packet=text)
    said = _json(data)
    with suppress(Said):
        fields = fields_of(said)
        for name in ("sessionId", "playerId", "roomId"):
            text_of(fields, name)
        for game in Game:
            with suppress(Said):
                square_of(game, fields)
            with suppress(Said):
                walk_in_order(game, "ann", fields)
            with suppress(MoveRefused):
                RULES[game].play((), fields)
    for game in Game:
        with suppress(MoveRefused):
            RULES[game].play((), said)
    token_of({"QUERY_STRING": text, "HTTP_AUTHORIZATION": text}, said)


def tokens(data: bytes) -> None:
    """Tokens of three kinds, none of which anybody of ours has made."""
    text = data.decode("utf-8", "replace")
    with suppress(TokenRefusedError):
        verified_bearer(text, _KEYS, Expected("hst1", "ins1", "ses1", 0), 0.0)
        raise AssertionError("nobody has signed this")
    assert read_cookie(text, _INSTALLATION) is None
    assert SessionTokens(_INSTALLATION).read(text, _INSTALLATION_MADE) is None


def addresses(data: bytes) -> None:
    """Paths of static files and of the page to return to, and who is asking."""
    text = data.decode("utf-8", "surrogateescape")
    STATIC.find(text)
    sender(text)
    path = local_path(text, "https://play.example")
    assert urlsplit(urljoin("https://play.example/signin", path)).netloc == "play.example"


def webhook_urls(data: bytes) -> None:
    """What a tenant or a publisher names for us to ask: no private address, however it is written."""
    text = data.decode("utf-8", "surrogateescape")
    for reach in (Reach(), Reach(public_schemes=("https", "http"))):
        try:
            url = reach.target(text)
        except UnfitUrl:
            continue
        assert url.scheme in reach.public_schemes
        host = url.raw_host or ""
        address = address_in(host)
        if address is not None:
            assert is_public(address), url
            continue
        try:  # what a C library would take for an address has to be one to us, too
            meant = IPv4Address(socket.inet_aton(host))
        except OSError:
            continue
        raise AssertionError(f"{host} is {meant} to others")


def upload_headers(data: bytes) -> None:
    """Digests and metadata of uploads, as headers come: any byte but the ends of lines, read as Latin-1."""
    text = data.decode("latin-1")
    with suppress(InvalidRequest):
        digests.metadata(text)
    for header in (text, f"sha-256=:{text}:"):
        with suppress(InvalidRequest):
            digests.announced(header, None)
    with suppress(InvalidRequest):
        digests.in_hex(text)


def pictures(data: bytes) -> None:
    """A cover as a publisher's server sends it. It is drawn in a process of its own, so any exception is its answer;
    what is looked for is a crash, a hang and too much memory.
    """
    with suppress(Exception):
        redraw._drawn(data, 1_000_000, 320)  # pyright: ignore[reportPrivateUsage] - what its process calls


def _json(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data.decode("utf-8", "replace")


_LOOP: Final = asyncio.new_event_loop()
_KEY: Final = Ed25519PrivateKey.generate()
_KEYS: Mapping[str, Any] = {
    "keys": [{"kty": "OKP", "crv": "Ed25519", "x": public_key_text(_KEY), "kid": "k1", "alg": "EdDSA"}]
}
_INSTALLATION: Final = Installation("ins1", b"s" * 32)
_INSTALLATION_MADE: Final = datetime(2026, 1, 1, tzinfo=UTC)

TARGETS: Final[Mapping[str, Target]] = {
    "channel-messages": Target(channel_messages, seeds.CHANNEL_MESSAGES, 4_000, seeds.JSON_WORDS),
    "offers": Target(offers, [*seeds.OFFERS, *seeds.found("offers")], 800, seeds.SDP_WORDS),
    "answers": Target(answers, [*seeds.SDPS, *seeds.found("answers")], 12, seeds.SDP_WORDS),
    "proxied": Target(proxied, seeds.PROXIED, 400, seeds.HTTP_WORDS),
    "games": Target(games, seeds.GAMES, 1_200, seeds.TAR_WORDS),
    "saves": Target(saves, [*seeds.SAVES, *seeds.found("saves")], 1_200, seeds.TAR_WORDS),
    "socket-messages": Target(socket_messages, seeds.SOCKET_MESSAGES, 1_500, seeds.JSON_WORDS),
    "tokens": Target(tokens, seeds.TOKENS, 2_000, seeds.TOKEN_WORDS),
    "addresses": Target(addresses, seeds.ADDRESSES, 4_000, seeds.ADDRESS_WORDS),
    "webhook-urls": Target(webhook_urls, [*seeds.URLS, *seeds.found("webhook-urls")], 6_000, seeds.ADDRESS_WORDS),
    "upload-headers": Target(upload_headers, seeds.UPLOAD_HEADERS, 8_000, seeds.HEADER_WORDS),
    "pictures": Target(pictures, seeds.PICTURES, 150),
}
