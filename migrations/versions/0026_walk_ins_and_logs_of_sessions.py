"""walk-ins, and logs of sessions

Revision 0026, after 0025.
"""

import sqlalchemy as sa
from alembic import op

revision: str = '0026'
down_revision: str | None = '0025'
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    with op.batch_alter_table('tenant_months', schema=None) as batch_op:
        batch_op.add_column(sa.Column('walk_ins', sa.BigInteger(), server_default=sa.text('0'), nullable=False))

    with op.batch_alter_table('webhook_deliveries', schema=None) as batch_op:
        batch_op.create_index('webhook_deliveries_by_session', ['session_id', 'number'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('webhook_deliveries', schema=None) as batch_op:
        batch_op.drop_index('webhook_deliveries_by_session')

    with op.batch_alter_table('tenant_months', schema=None) as batch_op:
        batch_op.drop_column('walk_ins')
