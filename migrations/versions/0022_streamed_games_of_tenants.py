"""streamed games of tenants

Revision 0022, after 0021.
"""

import sqlalchemy as sa
from alembic import op

revision: str = '0022'
down_revision: str | None = '0021'
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.create_table('arena_runs',
    sa.Column('session_id', sa.String(length=40), nullable=False),
    sa.Column('run_id', sa.String(length=32), nullable=False),
    sa.Column('tenant_id', sa.String(length=40), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['session_id'], ['arena_sessions.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('session_id')
    )
    with op.batch_alter_table('arena_runs', schema=None) as batch_op:
        batch_op.create_index('arena_runs_by_run', ['run_id'], unique=True)
        batch_op.create_index('arena_runs_going_on', ['tenant_id'], unique=False, sqlite_where=sa.text('ended_at IS NULL'), postgresql_where=sa.text('ended_at IS NULL'))

    with op.batch_alter_table('sessions', schema=None) as batch_op:
        batch_op.add_column(sa.Column('for_result', sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column('result', sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column('unseen_since', sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table('tenants', schema=None) as batch_op:
        batch_op.add_column(sa.Column('seats', sa.BigInteger(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('tenants', schema=None) as batch_op:
        batch_op.drop_column('seats')

    with op.batch_alter_table('sessions', schema=None) as batch_op:
        batch_op.drop_column('unseen_since')
        batch_op.drop_column('result')
        batch_op.drop_column('for_result')

    op.drop_table('arena_runs')
