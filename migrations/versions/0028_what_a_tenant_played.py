"""what a tenant played

Revision 0028, after 0027.
"""

import sqlalchemy as sa
from alembic import op

revision: str = '0028'
down_revision: str | None = '0027'
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    is_read = sa.text('ended_at IS NOT NULL AND listed_for IS NOT NULL')
    with op.batch_alter_table('arena_matches', schema=None) as batch_op:
        batch_op.create_index('arena_matches_played', ['listed_for', 'game', 'mode', 'ended_at'], unique=False, sqlite_where=is_read, postgresql_where=is_read)
    op.execute('UPDATE arena_bots SET retrain_threshold = 5000 WHERE retrain_threshold > 5000')


def downgrade() -> None:
    op.drop_index('arena_matches_played', table_name='arena_matches')
