"""the arena

Revision 0021, after 0020.
"""

import sqlalchemy as sa
from alembic import op

revision: str = '0021'
down_revision: str | None = '0020'
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.create_table('arena_matches',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('game', sa.String(length=16), nullable=False),
    sa.Column('mode', sa.String(length=8), nullable=False),
    sa.Column('listed_for', sa.String(length=40), nullable=True),
    sa.Column('is_rated', sa.Boolean(), nullable=False),
    sa.Column('bot_level', sa.String(length=8), nullable=True),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.JSON(), nullable=False),
    sa.Column('plies', sa.BigInteger(), nullable=False),
    sa.Column('events', sa.BigInteger(), nullable=False),
    sa.Column('deadline_ms', sa.BigInteger(), nullable=True),
    sa.Column('bot_due_ms', sa.BigInteger(), nullable=True),
    sa.Column('excused_ms', sa.BigInteger(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('arena_matches', schema=None) as batch_op:
        batch_op.create_index('arena_matches_by_bot', ['bot_due_ms'], unique=False)
        batch_op.create_index('arena_matches_by_deadline', ['deadline_ms'], unique=False)
        batch_op.create_index('arena_matches_by_room', ['listed_for', 'game', 'mode'], unique=False, sqlite_where=sa.text('ended_at IS NULL'), postgresql_where=sa.text('ended_at IS NULL'))
        batch_op.create_index('arena_matches_to_prune', ['ended_at'], unique=False, sqlite_where=sa.text('ended_at IS NOT NULL AND events > 0'), postgresql_where=sa.text('ended_at IS NOT NULL AND events > 0'))

    op.create_table('arena_outages',
    sa.Column('began_ms', sa.BigInteger(), nullable=False),
    sa.Column('ended_ms', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('began_ms')
    )
    op.create_table('arena_replicas',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('seen_ms', sa.BigInteger(), nullable=False),
    sa.Column('is_gone', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('tenants',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('name', sa.String(length=150), nullable=False),
    sa.Column('plan', sa.String(length=16), nullable=False),
    sa.Column('monthly_sessions', sa.BigInteger(), nullable=True),
    sa.Column('requests_a_minute', sa.BigInteger(), nullable=True),
    sa.Column('theme', sa.JSON(), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('name')
    )
    op.create_table('arena_connections',
    sa.Column('socket_id', sa.String(length=64), nullable=False),
    sa.Column('match_id', sa.String(length=40), nullable=False),
    sa.Column('seat', sa.BigInteger(), nullable=False),
    sa.Column('replica_id', sa.String(length=40), nullable=False),
    sa.ForeignKeyConstraint(['match_id'], ['arena_matches.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('socket_id')
    )
    with op.batch_alter_table('arena_connections', schema=None) as batch_op:
        batch_op.create_index('arena_connections_by_match', ['match_id'], unique=False)
        batch_op.create_index('arena_connections_by_replica', ['replica_id'], unique=False)

    op.create_table('arena_events',
    sa.Column('match_id', sa.String(length=40), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('body', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['match_id'], ['arena_matches.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('match_id', 'seq')
    )
    op.create_table('arena_moves',
    sa.Column('match_id', sa.String(length=40), nullable=False),
    sa.Column('ply', sa.BigInteger(), nullable=False),
    sa.Column('row', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['match_id'], ['arena_matches.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('match_id', 'ply')
    )
    op.create_table('arena_ratings',
    sa.Column('tenant_id', sa.String(length=40), nullable=False),
    sa.Column('mode', sa.String(length=8), nullable=False),
    sa.Column('game', sa.String(length=16), nullable=False),
    sa.Column('player_id', sa.String(length=128), nullable=False),
    sa.Column('rating', sa.Double(), nullable=False),
    sa.Column('deviation', sa.Double(), nullable=False),
    sa.Column('volatility', sa.Double(), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'mode', 'game', 'player_id')
    )
    op.create_table('arena_seats',
    sa.Column('match_id', sa.String(length=40), nullable=False),
    sa.Column('seat', sa.BigInteger(), nullable=False),
    sa.Column('session_id', sa.String(length=40), nullable=False),
    sa.Column('tenant_id', sa.String(length=40), nullable=False),
    sa.Column('player_id', sa.String(length=128), nullable=False),
    sa.Column('display_name', sa.String(length=100), nullable=False),
    sa.Column('is_bot', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['match_id'], ['arena_matches.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('match_id', 'seat')
    )
    with op.batch_alter_table('arena_seats', schema=None) as batch_op:
        batch_op.create_index('arena_seats_by_player', ['tenant_id', 'player_id'], unique=False)

    op.create_table('arena_sessions',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('tenant_id', sa.String(length=40), nullable=False),
    sa.Column('game', sa.String(length=16), nullable=False),
    sa.Column('mode', sa.String(length=8), nullable=False),
    sa.Column('match_type', sa.String(length=12), nullable=False),
    sa.Column('status', sa.String(length=8), nullable=False),
    sa.Column('bot_difficulty', sa.String(length=8), nullable=False),
    sa.Column('is_afk_enforced', sa.Boolean(), nullable=False),
    sa.Column('players', sa.JSON(), nullable=False),
    sa.Column('theme', sa.JSON(), nullable=False),
    sa.Column('room_code', sa.String(length=8), nullable=True),
    sa.Column('match_id', sa.String(length=40), nullable=True),
    sa.Column('result', sa.JSON(), nullable=True),
    sa.Column('idempotency_key', sa.String(length=255), nullable=True),
    sa.Column('request_hash', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('join_by', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('tenant_id', 'idempotency_key', name='arena_sessions_by_idempotency_key')
    )
    with op.batch_alter_table('arena_sessions', schema=None) as batch_op:
        batch_op.create_index('arena_sessions_by_match', ['match_id'], unique=False)
        batch_op.create_index('arena_sessions_by_room_code', ['room_code'], unique=True)
        batch_op.create_index('arena_sessions_by_tenant', ['tenant_id', 'created_at'], unique=False)
        batch_op.create_index('arena_sessions_pending', ['join_by'], unique=False, sqlite_where=sa.text("status = 'pending'"), postgresql_where=sa.text("status = 'pending'"))

    op.create_table('tenant_keys',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('tenant_id', sa.String(length=40), nullable=False),
    sa.Column('mode', sa.String(length=8), nullable=False),
    sa.Column('key_hash', sa.String(length=64), nullable=False),
    sa.Column('hint', sa.String(length=16), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('key_hash')
    )
    with op.batch_alter_table('tenant_keys', schema=None) as batch_op:
        batch_op.create_index('tenant_keys_by_tenant', ['tenant_id'], unique=False)

    op.create_table('tenant_months',
    sa.Column('tenant_id', sa.String(length=40), nullable=False),
    sa.Column('month', sa.String(length=7), nullable=False),
    sa.Column('sessions', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'month')
    )
    op.create_table('arena_waiting',
    sa.Column('session_id', sa.String(length=40), nullable=False),
    sa.Column('player_id', sa.String(length=128), nullable=False),
    sa.Column('tenant_id', sa.String(length=40), nullable=False),
    sa.Column('game', sa.String(length=16), nullable=False),
    sa.Column('mode', sa.String(length=8), nullable=False),
    sa.Column('is_direct', sa.Boolean(), nullable=False),
    sa.Column('display_name', sa.String(length=100), nullable=False),
    sa.Column('rating', sa.Double(), nullable=False),
    sa.Column('afk', sa.JSON(), nullable=True),
    sa.Column('since_ms', sa.BigInteger(), nullable=False),
    sa.Column('replica_id', sa.String(length=40), nullable=False),
    sa.Column('socket_id', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['session_id'], ['arena_sessions.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('session_id', 'player_id')
    )
    with op.batch_alter_table('arena_waiting', schema=None) as batch_op:
        batch_op.create_index('arena_waiting_by_pool', ['game', 'mode', 'tenant_id'], unique=False)

    op.create_table('tenant_origins',
    sa.Column('key_id', sa.String(length=40), nullable=False),
    sa.Column('origin', sa.String(length=255), nullable=False),
    sa.ForeignKeyConstraint(['key_id'], ['tenant_keys.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('key_id', 'origin')
    )
    with op.batch_alter_table('tenant_origins', schema=None) as batch_op:
        batch_op.create_index('tenant_origins_by_origin', ['origin'], unique=False)



def downgrade() -> None:
    with op.batch_alter_table('tenant_origins', schema=None) as batch_op:
        batch_op.drop_index('tenant_origins_by_origin')

    op.drop_table('tenant_origins')
    with op.batch_alter_table('arena_waiting', schema=None) as batch_op:
        batch_op.drop_index('arena_waiting_by_pool')

    op.drop_table('arena_waiting')
    op.drop_table('tenant_months')
    with op.batch_alter_table('tenant_keys', schema=None) as batch_op:
        batch_op.drop_index('tenant_keys_by_tenant')

    op.drop_table('tenant_keys')
    with op.batch_alter_table('arena_sessions', schema=None) as batch_op:
        batch_op.drop_index('arena_sessions_pending', sqlite_where=sa.text("status = 'pending'"), postgresql_where=sa.text("status = 'pending'"))
        batch_op.drop_index('arena_sessions_by_tenant')
        batch_op.drop_index('arena_sessions_by_room_code')
        batch_op.drop_index('arena_sessions_by_match')

    op.drop_table('arena_sessions')
    with op.batch_alter_table('arena_seats', schema=None) as batch_op:
        batch_op.drop_index('arena_seats_by_player')

    op.drop_table('arena_seats')
    op.drop_table('arena_ratings')
    op.drop_table('arena_moves')
    op.drop_table('arena_events')
    with op.batch_alter_table('arena_connections', schema=None) as batch_op:
        batch_op.drop_index('arena_connections_by_replica')
        batch_op.drop_index('arena_connections_by_match')

    op.drop_table('arena_connections')
    op.drop_table('tenants')
    op.drop_table('arena_replicas')
    op.drop_table('arena_outages')
    with op.batch_alter_table('arena_matches', schema=None) as batch_op:
        batch_op.drop_index('arena_matches_to_prune', sqlite_where=sa.text('ended_at IS NOT NULL AND events > 0'), postgresql_where=sa.text('ended_at IS NOT NULL AND events > 0'))
        batch_op.drop_index('arena_matches_by_room', sqlite_where=sa.text('ended_at IS NULL'), postgresql_where=sa.text('ended_at IS NULL'))
        batch_op.drop_index('arena_matches_by_deadline')
        batch_op.drop_index('arena_matches_by_bot')

    op.drop_table('arena_matches')
