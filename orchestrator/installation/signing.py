"""The keys that sign what hosts must believe: known to every replica, changed by an operator.

When a key signs and until when it is good is `rotation`'s. The first key is the installation's own.
"""

from datetime import UTC, datetime

import jwt
import structlog
from jwt.algorithms import OKPAlgorithm
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.audit.recording import COMMAND_LINE, Action, Actor, record
from orchestrator.background import rounds
from orchestrator.database import Database
from orchestrator.errors import Conflict
from orchestrator.ids import new_id
from orchestrator.installation.models import InstallationRow, SigningKeyRow
from orchestrator.installation.rotation import TOLD_AFTER, TOLD_BEFORE, SigningKey, signing, told
from orchestrator.installation.service import Installation, new_pem, private_key
from orchestrator.notices import Notices

TOPIC = "signing-keys"
_ALWAYS = datetime.min.replace(tzinfo=UTC)

_log = structlog.get_logger()


class SigningKeys:
    """As they were when this replica looked last: some seconds ago at most, while the database is there."""

    def __init__(self, database: Database, notices: Notices, installation: Installation) -> None:
        self._database = database
        self._notices = notices
        self._issuer = installation.installation_id
        self._signing: SigningKey | None = None
        self._jwks: dict[str, object] = {"keys": []}

    def sign(self, claims: dict[str, object]) -> str:
        """`claims` as an EdDSA JWT (RFC 8037) that names its key; the issuer is this installation unless they say."""
        if self._signing is None:
            raise RuntimeError("nobody has looked which key signs")
        issued = {"iss": self._issuer, **claims}
        return jwt.encode(issued, self._signing.private, algorithm="EdDSA", headers={"kid": self._signing.id})

    def jwks(self) -> dict[str, object]:
        """The public halves of all that are told, as a JSON Web Key Set."""
        return self._jwks

    async def run(self) -> None:
        """Ends never."""
        await rounds(self._notices, TOPIC, self.look)

    async def look(self) -> None:
        async with self._database.read() as session:
            now = await self._database.now(session)
            keys = await _keys(session)
        self._signing = signing(keys, now)
        self._jwks = {"keys": [_public(key) for key in told(keys, now)]}

    async def rotate(self, *, at_once: bool = False, by: Actor = COMMAND_LINE) -> datetime:
        """When another key signs: after `TOLD_BEFORE`, and nobody notices. Or `at_once`, and whatever others have
        signed is nothing as soon as replicas and hosts have heard. Raises `Conflict` while one is on its way already,
        unless `at_once`.
        """
        key_id, pem = new_id("key"), new_pem()
        async with self._database.write() as session:
            now = signs_from = await self._database.now(session)
            own = (await session.scalars(select(InstallationRow).with_for_update())).one()
            keys = await _keys(session)
            if at_once:
                await session.execute(delete(SigningKeyRow))
                own.key_id, own.signing_key_pem = key_id, pem
            elif keys[-1].signs_from > now:
                raise Conflict("Another key is on its way already: it signs within ten minutes.", code="conflict")
            else:
                gone = {key.id for key in keys} - {key.id for key in told(keys, now)}
                await session.execute(delete(SigningKeyRow).where(SigningKeyRow.id.in_(gone)))
                signs_from = now + TOLD_BEFORE
                until = signs_from + TOLD_AFTER
                session.add(SigningKeyRow(id=key_id, pem=pem, signs_from=signs_from, former_until=until))
            record(session, by, Action.INSTALLATION_KEY_ROTATE, own.id, now, key=key_id, at_once=at_once)
            self._notices.publish_after_commit(session, TOPIC)
        _log.info("signing_key.rotated", key=key_id, at_once=at_once)
        return signs_from


async def _keys(session: AsyncSession) -> list[SigningKey]:
    own = (await session.scalars(select(InstallationRow))).one()
    rows = await session.scalars(select(SigningKeyRow).order_by(SigningKeyRow.signs_from))
    first = SigningKey(own.key_id, private_key(own.signing_key_pem), _ALWAYS, _ALWAYS)
    return [first, *(SigningKey(row.id, private_key(row.pem), row.signs_from, row.former_until) for row in rows)]


def _public(key: SigningKey) -> dict[str, object]:
    half: dict[str, object] = OKPAlgorithm.to_jwk(key.private.public_key(), as_dict=True)
    return {**half, "kid": key.id, "alg": "EdDSA", "use": "sig"}
