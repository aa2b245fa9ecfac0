"""Who we are: the installation's id, the secret of its cookies, and the key that signs what hosts must believe.

It is made once, on the first start, and never changes; nothing here decides what may be signed.
"""

import secrets
from dataclasses import dataclass, field

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import OKPAlgorithm
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from orchestrator.database import Database
from orchestrator.ids import new_id
from orchestrator.installation.models import InstallationRow


@dataclass(frozen=True)
class Installation:
    """The deployment's identity. Its secrets never show in a `repr`."""

    installation_id: str
    key_id: str
    cookie_secret: bytes = field(repr=False)
    signing_key: Ed25519PrivateKey = field(repr=False)

    def sign(self, claims: dict[str, object]) -> str:
        """`claims` as an EdDSA JWT (RFC 8037) that names its key; the issuer is this installation unless they say."""
        issued = {"iss": self.installation_id, **claims}
        return jwt.encode(issued, self.signing_key, algorithm="EdDSA", headers={"kid": self.key_id})

    def jwks(self) -> dict[str, object]:
        """The public half as a JSON Web Key Set, for whoever verifies."""
        key: dict[str, object] = OKPAlgorithm.to_jwk(self.signing_key.public_key(), as_dict=True)
        return {"keys": [{**key, "kid": self.key_id, "alg": "EdDSA", "use": "sig"}]}


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
    key = load_pem_private_key(row.signing_key_pem.encode(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("the installation's signing key is not an Ed25519 key")
    return Installation(row.id, row.key_id, bytes.fromhex(row.cookie_secret), key)


async def _load(database: Database) -> InstallationRow | None:
    async with database.read() as session:
        return (await session.execute(select(InstallationRow))).scalar_one_or_none()


async def _create(database: Database) -> InstallationRow:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    async with database.write() as session:
        row = InstallationRow(
            singleton=1,
            id=new_id("ins"),
            cookie_secret=secrets.token_hex(32),
            signing_key_pem=pem.decode(),
            key_id=new_id("key"),
            created_at=await database.now(session),
        )
        session.add(row)
    return row
