"""What a backup holds, as its last member says: a backup without it was cut off. Pure.

`rows/TABLE.jsonl` has a row on each line, as a list of its values; `archives/0000001` is what the store has under the
key that the manifest gives; `files/NAME` a small file of DATA; and `manifest.json` stands at the end.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from orchestrator.backup.errors import BackupRefused

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
ROWS: Final = "rows/"
ARCHIVES: Final = "archives/"
FILES: Final = "files/"
KEPT_FILES: Final = ("demo-account.json",)
MOST_MANIFEST_BYTES: Final = 512 * 1024**2

_NAME = re.compile(r"rows/[a-z][a-z0-9_]{0,62}\.jsonl|archives/[0-9]{7,12}|manifest\.json")
_KEY = r"^(?:[A-Za-z0-9_][A-Za-z0-9_.~-]*/)+[A-Za-z0-9_][A-Za-z0-9_.~-]*$"

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Key = Annotated[str, StringConstraints(pattern=_KEY, max_length=300)]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,63}$")]


class Writable(Protocol):
    """Where a backup goes: all of what it is given, in turn."""

    def write(self, content: bytes, /) -> int: ...


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)


class Member(_Told):
    """`key` is where an archive or picture lies in the store."""

    size_bytes: int = Field(ge=0)
    sha256: Digest
    key: Key | None = None


class Rows(_Told):
    columns: tuple[Word, ...]
    count: int = Field(ge=0)


class Manifest(_Told):
    """`missing` are keys that rows name and the store had not. Without `has_archives` those lay in a bucket, which has
    a backup of its own.
    """

    kind: Literal["playhouse-backup"] = "playhouse-backup"
    format: int = FORMAT
    made_at: datetime
    program: str
    revision: Word
    has_archives: bool
    tables: Mapping[Word, Rows]
    members: Mapping[str, Member]
    missing: tuple[Key, ...] = ()


def table_member(table: str) -> str:
    return f"{ROWS}{table}.jsonl"


def is_a_place(name: str) -> bool:
    """Whether a backup may have a member of this name."""
    return bool(_NAME.fullmatch(name)) or name in {f"{FILES}{file}" for file in KEPT_FILES}


def parse(body: bytes) -> Manifest:
    """Raises `BackupRefused`, also for a form of backup that is newer than this program."""
    try:
        manifest = Manifest.model_validate_json(body)
    except ValidationError as error:
        raise BackupRefused("This is no backup of a Playhouse, or its manifest is damaged.") from error
    if manifest.format != FORMAT:
        raise BackupRefused(f"This backup has form {manifest.format}; this program reads form {FORMAT}.")
    return manifest


def verify(manifest: Manifest, found: Mapping[str, Member]) -> None:
    """That exactly what the manifest lists was found, byte by byte. Raises `BackupRefused`."""
    for name, member in manifest.members.items():
        here = found.get(name)
        if here is None:
            raise BackupRefused(f"The backup lacks {name!r}, which its manifest lists.")
        if (here.size_bytes, here.sha256) != (member.size_bytes, member.sha256):
            raise BackupRefused(f"{name!r} is not as it was when the backup was made: its SHA-256 is another.")
        if name.startswith(ARCHIVES) != (member.key is not None):
            raise BackupRefused(f"The manifest says of {name!r} what it cannot be.")
    for name in found:
        if name not in manifest.members:
            raise BackupRefused(f"The backup holds {name!r}, which its manifest does not list.")
    if {table_member(table) for table in manifest.tables} != {name for name in found if name.startswith(ROWS)}:
        raise BackupRefused("The manifest and the backup have other tables.")
