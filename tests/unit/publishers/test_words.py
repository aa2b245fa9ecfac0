"""What a game's status says, what files are, and what senders announce."""

import base64
import hashlib

import pytest

from orchestrator.errors import InvalidRequest
from orchestrator.publishers.digests import announced, in_hex, metadata
from orchestrator.publishers.programs import Program, has_windows_line_end, program_of
from orchestrator.publishers.status import GameStatus, UploadState, status_of
from tests.packing import ELF_ARM_64, ELF_I386, ELF_X86_64

HEX = hashlib.sha256(b"x").hexdigest()
BASE64 = base64.b64encode(bytes.fromhex(HEX)).decode()


@pytest.mark.parametrize(
    ("newest", "is_playable", "is_suspended", "status"),
    [
        (None, False, False, GameStatus.PENDING_UPLOAD),
        (UploadState.RECEIVING, False, False, GameStatus.PENDING_UPLOAD),
        (UploadState.PROCESSING, False, False, GameStatus.PROCESSING),
        (UploadState.REJECTED, False, False, GameStatus.REJECTED),
        (UploadState.ACCEPTED, True, False, GameStatus.ACTIVE),
        (UploadState.REJECTED, True, False, GameStatus.ACTIVE),
        (UploadState.PROCESSING, True, False, GameStatus.ACTIVE),
        (UploadState.ACCEPTED, True, True, GameStatus.SUSPENDED),
        (None, False, True, GameStatus.SUSPENDED),
    ],
)
def test_one_word_for_a_game(
    newest: UploadState | None, is_playable: bool, is_suspended: bool, status: GameStatus
) -> None:
    assert status_of(is_suspended=is_suspended, is_playable=is_playable, newest=newest) is status


@pytest.mark.parametrize(
    ("head", "program"),
    [
        (ELF_X86_64, Program.LINUX),
        (ELF_ARM_64, Program.OTHER_LINUX),
        (ELF_I386, Program.OTHER_LINUX),
        (ELF_X86_64[:12], Program.NONE),
        (b"MZ\x90\x00", Program.WINDOWS),
        (b"\xcf\xfa\xed\xfe\x07", Program.MACOS),
        (b"#!/bin/sh\n", Program.SCRIPT),
        (b"", Program.NONE),
        (b"\x89PNG", Program.NONE),
    ],
)
def test_what_a_file_is(head: bytes, program: Program) -> None:
    assert program_of(head) is program


def test_line_ends_of_windows() -> None:
    assert has_windows_line_end(b"#!/bin/sh\r\nx")
    assert not has_windows_line_end(b"#!/bin/sh\nx\r\n")


def test_a_digest_may_be_announced() -> None:
    assert announced(f"sha-256=:{BASE64}:", None) == HEX
    assert announced(None, f"sha-512=:AAAA:, sha-256=:{BASE64}:") == HEX
    assert announced("sha-512=:AAAA:", None) is None
    assert announced(None, None) is None
    assert in_hex(HEX.upper()) == HEX
    for wrong in ("sha-256=:AAAA:", "sha-256=:?:", "sha-256=:\xe9:"):
        with pytest.raises(InvalidRequest):
            announced(wrong, None)


def test_metadata_of_tus() -> None:
    assert metadata(None) == {}
    assert metadata("version MS4y, is_confidential") == {"version": "1.2", "is_confidential": ""}
    for wrong in ("a ?", "a /w==", "a \xe9"):
        with pytest.raises(InvalidRequest):
            metadata(wrong)
