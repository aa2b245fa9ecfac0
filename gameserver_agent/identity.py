"""What makes a machine this host, and nothing else: key pair, host id, installation, incarnation and the static secret.

Everything lives in one folder (0700) as small files (0600), each replaced atomically. The folder is locked while an
agent uses it: a second agent on the same folder is refused.
"""

import base64
import fcntl
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from gameserver_agent.errors import StartUpError


@dataclass(frozen=True)
class Membership:
    """What joining bought: who we are, in which deployment, and the keys that sign its stream tokens."""

    host_id: str
    installation: str
    keys: dict[str, object]


class DataFolder:
    """The agent's own folder. Opening it takes the lock; `close` gives it back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise StartUpError(f"another gameserver-agent already uses {path}") from error

    def close(self) -> None:
        os.close(self._lock)

    def private_key(self) -> Ed25519PrivateKey:
        """The host's key, made on first use."""
        file = self.path / "host-key.pem"
        if not file.exists():
            made = Ed25519PrivateKey.generate()
            write_private(file, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        key = load_pem_private_key(file.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise StartUpError(f"{file} holds no Ed25519 key")
        return key

    def membership(self) -> Membership | None:
        """None until this host has joined."""
        file = self.path / "host.json"
        if not file.exists():
            return None
        try:
            content = json.loads(file.read_bytes())
            return Membership(str(content["host_id"]), str(content["installation"]), dict(content["keys"]))
        except (ValueError, KeyError, TypeError) as error:
            raise StartUpError(f"{file} is damaged; remove it and join again with a new token") from error

    def remember(self, membership: Membership) -> None:
        content = {
            "host_id": membership.host_id,
            "installation": membership.installation,
            "keys": membership.keys,
        }
        write_private(self.path / "host.json", json.dumps(content).encode())

    def next_incarnation(self) -> int:
        """A number greater than every one returned before, written down before it is used."""
        file = self.path / "incarnation"
        last = int(file.read_text()) if file.exists() else 0
        write_private(file, str(last + 1).encode())
        return last + 1

    def static_secret(self) -> str:
        """The bearer secret that `/api/containers` accepts, made on first use."""
        file = self.path / "api-secret"
        if not file.exists():
            write_private(file, secrets.token_urlsafe(32).encode())
        return file.read_text().strip()


def public_key_text(key: Ed25519PrivateKey) -> str:
    """The raw 32-byte public key, base64url without padding, as the wire wants it."""
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def write_private(file: Path, content: bytes) -> None:
    """Replace `file` atomically and durably; nobody but its owner can read it at any moment."""
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def unfinished_writes(file: Path) -> list[Path]:
    """What `write_private` leaves beside `file` where its process was killed."""
    return list(file.parent.glob(f".{file.name}.*"))
