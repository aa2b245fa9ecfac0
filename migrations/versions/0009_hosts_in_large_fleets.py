"""hosts in large fleets

Revision 0009, after 0008.
"""

import sqlalchemy as sa
from alembic import op

revision: str = '0009'
down_revision: str | None = '0008'
branch_labels: None = None
depends_on: None = None

_IS_ACTIVE = sa.text("position IN ('placing', 'pulling', 'restoring', 'booting', 'running', 'stopping')")


def upgrade() -> None:
    with op.batch_alter_table('hosts', schema=None) as batch_op:
        batch_op.add_column(sa.Column('report_digest', sa.String(length=64), server_default='', nullable=False))

    with op.batch_alter_table('sessions', schema=None) as batch_op:
        batch_op.create_index(
            'sessions_by_former_host',
            ['former_host_id'],
            unique=False,
            sqlite_where=_IS_ACTIVE,
            postgresql_where=_IS_ACTIVE,
        )


def downgrade() -> None:
    with op.batch_alter_table('sessions', schema=None) as batch_op:
        batch_op.drop_index('sessions_by_former_host')

    with op.batch_alter_table('hosts', schema=None) as batch_op:
        batch_op.drop_column('report_digest')
