"""bots of tenants

Revision 0025, after 0024.
"""

import sqlalchemy as sa
from alembic import op

revision: str = '0025'
down_revision: str | None = '0024'
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.create_table('arena_bots',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('tenant_id', sa.String(length=40), nullable=False),
    sa.Column('mode', sa.String(length=8), nullable=False),
    sa.Column('game', sa.String(length=16), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('player_id', sa.String(length=128), nullable=False),
    sa.Column('display_name', sa.String(length=100), nullable=False),
    sa.Column('bot_type', sa.String(length=12), nullable=False),
    sa.Column('difficulty', sa.String(length=8), nullable=True),
    sa.Column('target_rating', sa.Double(), nullable=True),
    sa.Column('matchmaking_weight', sa.Double(), nullable=False),
    sa.Column('retrain_threshold', sa.BigInteger(), nullable=True),
    sa.Column('training', sa.String(length=8), nullable=False),
    sa.Column('train_due_ms', sa.BigInteger(), nullable=True),
    sa.Column('tried_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('trained_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('matches', sa.BigInteger(), nullable=False),
    sa.Column('positions', sa.BigInteger(), nullable=False),
    sa.Column('strength', sa.JSON(), nullable=True),
    sa.Column('failure', sa.String(length=200), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('tenant_id', 'mode', 'game', 'player_id', name='arena_bots_by_player')
    )
    with op.batch_alter_table('arena_bots', schema=None) as batch_op:
        batch_op.create_index('arena_bots_to_train', ['train_due_ms'], unique=False)

    op.create_table('arena_lessons',
    sa.Column('bot_id', sa.String(length=40), nullable=False),
    sa.Column('position', sa.String(length=200), nullable=False),
    sa.Column('moves', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['bot_id'], ['arena_bots.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('bot_id', 'position')
    )
    op.add_column('arena_matches', sa.Column('bot_id', sa.String(length=40), nullable=True))


def downgrade() -> None:
    op.drop_column('arena_matches', 'bot_id')
    op.drop_table('arena_lessons')
    op.drop_table('arena_bots')
