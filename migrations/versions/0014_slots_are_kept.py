"""slots are named, deleted and brought back

Revision 0014, after 0013.
"""

import sqlalchemy as sa
from alembic import op

revision: str = '0014'
down_revision: str | None = '0013'
branch_labels: None = None
depends_on: None = None

_IS_LIVE = sa.text('deleted_at IS NULL')
_IS_DELETED = sa.text('deleted_at IS NOT NULL')


def upgrade() -> None:
    with op.batch_alter_table('save_slots', schema=None) as batch_op:
        batch_op.add_column(sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.drop_constraint('one_slot_per_number', type_='unique')

    with op.batch_alter_table('save_slots', schema=None) as batch_op:
        batch_op.create_index(
            'one_slot_per_number',
            ['owner', 'game_id', 'number'],
            unique=True,
            sqlite_where=_IS_LIVE,
            postgresql_where=_IS_LIVE,
        )
        batch_op.create_index(
            'deleted_slots', ['deleted_at'], unique=False, sqlite_where=_IS_DELETED, postgresql_where=_IS_DELETED
        )
        batch_op.create_index('slots_by_owner', ['owner', 'game_id'], unique=False)


def downgrade() -> None:
    # What was deleted has no number of its own any more: there is no way back for it.
    op.execute('DELETE FROM save_slots WHERE deleted_at IS NOT NULL')
    with op.batch_alter_table('save_slots', schema=None) as batch_op:
        batch_op.drop_index('slots_by_owner')
        batch_op.drop_index('deleted_slots')
        batch_op.drop_index('one_slot_per_number')

    with op.batch_alter_table('save_slots', schema=None) as batch_op:
        batch_op.drop_column('deleted_at')
        batch_op.create_unique_constraint('one_slot_per_number', ['owner', 'game_id', 'number'])
