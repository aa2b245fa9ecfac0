"""Tables of webhooks: where tenants want their news, and each piece of news for each of these places."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.database import Base, JsonDict, JsonList

_IS_PENDING = text("state = 'pending'")


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up after its last try."""
    SKIPPED = "skipped"
    """Not tried (any more), because its endpoint is stopped."""


class WebhookEndpoint(Base):
    """A URL of a tenant. `events` are the names of those it gets, none for all; `retries` is what the tenant's plan
    allows after the first try.

    Secrets are derived from the endpoint's id and `secret_number`; until `former_secret_until` what is sent is signed
    by the one before, with the new one beside it. `failing_since` is the first failure after the last success. A
    stopped endpoint gets nothing until it is restarted, and says why in `stopped_because`.
    """

    __tablename__ = "webhook_endpoints"
    __table_args__ = (Index("webhook_endpoints_by_tenant", "tenant_id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(String(40))
    url: Mapped[str] = mapped_column(String(2000))
    events: Mapped[JsonList]
    retries: Mapped[int]
    secret_number: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    former_secret_until: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]
    stopped_because: Mapped[str | None] = mapped_column(String(300))
    created_at: Mapped[datetime]

    def is_changing_secret(self, now: datetime) -> bool:
        """Whether the former secret still signs."""
        return self.former_secret_until is not None and self.former_secret_until > now


class WebhookDelivery(Base):
    """One event for one endpoint. The `number` says what came first; of a session, only the first that is pending is
    sent, by some replica that leases it. `delivery_id` is that of the next try, and stays until it is marked what
    became of that: whoever tries again after a crash says the same. `attempts` are the last tries, the newest last.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "event_id", name="one_delivery_of_an_event"),
        Index("webhook_deliveries_by_endpoint", "endpoint_id", "number"),
        Index(
            "webhook_deliveries_due", "endpoint_id", "due_at", sqlite_where=_IS_PENDING, postgresql_where=_IS_PENDING
        ),
        Index(
            "webhook_deliveries_in_order",
            *("endpoint_id", "session_id", "number"),
            sqlite_where=_IS_PENDING,
            postgresql_where=_IS_PENDING,
        ),
        Index("webhook_deliveries_by_session", "session_id", "number"),
        Index("webhook_deliveries_ended", "ended_at"),
    )

    number: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    event_id: Mapped[str] = mapped_column(String(36))
    delivery_id: Mapped[str] = mapped_column(String(36))
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"))
    session_id: Mapped[str] = mapped_column(String(64))
    event: Mapped[str] = mapped_column(String(40))
    game: Mapped[str] = mapped_column(String(40))
    data: Mapped[JsonDict]
    at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16))
    tries: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    due_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    attempts: Mapped[JsonList]
