"""images on their way

Revision 0008, after 0007.
"""

import sqlalchemy as sa
from alembic import op

revision: str = '0008'
down_revision: str | None = '0007'
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    with op.batch_alter_table('hosts', schema=None) as batch_op:
        batch_op.add_column(sa.Column('pulls', sa.JSON(), server_default='[]', nullable=False))
        batch_op.add_column(sa.Column('prepulls', sa.JSON(), server_default='[]', nullable=False))

    with op.batch_alter_table('sessions', schema=None) as batch_op:
        batch_op.create_index('sessions_by_creation', ['created_at'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('sessions', schema=None) as batch_op:
        batch_op.drop_index('sessions_by_creation')

    with op.batch_alter_table('hosts', schema=None) as batch_op:
        batch_op.drop_column('prepulls')
        batch_op.drop_column('pulls')
