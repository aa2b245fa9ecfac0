"""Who we are: the installation's id and the secret of its cookies, made once, on the first start, and never changed.
With them comes the first of the keys that sign what hosts must believe (`signing`).
"""

import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from orchestrator.database import Database
from orchestrator.ids import new_id
from orchestrator.installation.models import InstallationRow


@dataclass(frozen=True)
class Installation:
    """The deployment's identity. Its secrets never show in a `repr`."""

    installation_id: str
    cookie_secret: bytes = field(repr=False)


async def load_or_create(database: Database) -> Installation:
    """The installation of this database; replicas that start together on an empty one agree on the same."""
    row = await _load(database)
    if row is None:
        try:
            row = await _create(database)
        except IntegrityError:
            row = await _load(database)
    if row is None:
        raise RuntimeError("the installation's row has vanished")
    return Installation(row.id, bytes.fromhex(row.cookie_secret))


def new_pem() -> str:
    """A new signing key, as it is kept."""
    made = Ed25519PrivateKey.generate()
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def private_key(pem: str) -> Ed25519PrivateKey:
    """Raises `TypeError` for one of another kind."""
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("the installation's signing key is not an Ed25519 key")
    return key


async def _load(database: Database) -> InstallationRow | None:
    async with database.read() as session:
        return (await session.execute(select(InstallationRow))).scalar_one_or_none()


async def _create(database: Database) -> InstallationRow:
    async with database.write() as session:
        row = InstallationRow(
            singleton=1,
            id=new_id("ins"),
            cookie_secret=secrets.token_hex(32),
            signing_key_pem=new_pem(),
            key_id=new_id("key"),
            created_at=await database.now(session),
        )
        session.add(row)
    return row
