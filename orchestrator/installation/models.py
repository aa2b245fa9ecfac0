"""The one row that makes a deployment this deployment, and the keys that came after its first one."""

from datetime import datetime

from sqlalchemy import CheckConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.database import Base


class InstallationRow(Base):
    """`singleton` is always 1, so that two replicas that start together cannot make two installations."""

    __tablename__ = "installation"
    __table_args__ = (CheckConstraint("singleton = 1", name="installation_is_one"),)

    singleton: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=1)
    id: Mapped[str] = mapped_column(String(40))
    cookie_secret: Mapped[str] = mapped_column(String(64))
    signing_key_pem: Mapped[str] = mapped_column(Text)
    key_id: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[datetime]


class SigningKeyRow(Base):
    """Hosts are told the keys before it until `former_until`."""

    __tablename__ = "signing_keys"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    pem: Mapped[str] = mapped_column(Text)
    signs_from: Mapped[datetime]
    former_until: Mapped[datetime]
