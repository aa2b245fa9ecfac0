"""webhooks: where tenants want their news, and what waits for these places

Revision 0020, after 0019.
"""

import sqlalchemy as sa
from alembic import op

revision: str = '0020'
down_revision: str | None = '0019'
branch_labels: None = None
depends_on: None = None

IS_PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    op.create_table(
        'webhook_endpoints',
        sa.Column('id', sa.String(length=40), nullable=False),
        sa.Column('tenant_id', sa.String(length=40), nullable=False),
        sa.Column('url', sa.String(length=2000), nullable=False),
        sa.Column('events', sa.JSON(), nullable=False),
        sa.Column('retries', sa.BigInteger(), nullable=False),
        sa.Column('secret_number', sa.BigInteger(), server_default=sa.text('1'), nullable=False),
        sa.Column('former_secret_until', sa.DateTime(timezone=True), nullable=True),
        sa.Column('failing_since', sa.DateTime(timezone=True), nullable=True),
        sa.Column('stopped_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('stopped_because', sa.String(length=300), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('id'),
    )
    with op.batch_alter_table('webhook_endpoints', schema=None) as batch_op:
        batch_op.create_index('webhook_endpoints_by_tenant', ['tenant_id'], unique=False)

    op.create_table(
        'webhook_deliveries',
        sa.Column('number', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('event_id', sa.String(length=36), nullable=False),
        sa.Column('delivery_id', sa.String(length=36), nullable=False),
        sa.Column('endpoint_id', sa.String(length=40), nullable=False),
        sa.Column('session_id', sa.String(length=64), nullable=False),
        sa.Column('event', sa.String(length=40), nullable=False),
        sa.Column('game', sa.String(length=40), nullable=False),
        sa.Column('data', sa.JSON(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('state', sa.String(length=16), nullable=False),
        sa.Column('tries', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
        sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('lease_until', sa.DateTime(timezone=True), nullable=True),
        sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('attempts', sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(['endpoint_id'], ['webhook_endpoints.id'], ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('number'),
        sa.UniqueConstraint('endpoint_id', 'event_id', name='one_delivery_of_an_event'),
    )
    with op.batch_alter_table('webhook_deliveries', schema=None) as batch_op:
        batch_op.create_index('webhook_deliveries_by_endpoint', ['endpoint_id', 'number'], unique=False)
        batch_op.create_index(
            'webhook_deliveries_due',
            ['endpoint_id', 'due_at'],
            unique=False,
            sqlite_where=IS_PENDING,
            postgresql_where=IS_PENDING,
        )
        batch_op.create_index(
            'webhook_deliveries_in_order',
            ['endpoint_id', 'session_id', 'number'],
            unique=False,
            sqlite_where=IS_PENDING,
            postgresql_where=IS_PENDING,
        )
        batch_op.create_index('webhook_deliveries_ended', ['ended_at'], unique=False)


def downgrade() -> None:
    op.drop_table('webhook_deliveries')
    op.drop_table('webhook_endpoints')
