"""letters to an address that is nobody's yet

Revision 0019, after 0018.
"""

import sqlalchemy as sa
from alembic import op

revision: str = '0019'
down_revision: str | None = '0018'
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    with op.batch_alter_table('mail_orders', schema=None) as batch_op:
        batch_op.add_column(sa.Column('account_id', sa.String(length=40), nullable=True))
        batch_op.create_foreign_key(
            'mail_orders_account_id_fkey', 'accounts', ['account_id'], ['id'], ondelete='CASCADE'
        )
        batch_op.create_index('ix_mail_orders_account_id', ['account_id'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('mail_orders', schema=None) as batch_op:
        batch_op.drop_index('ix_mail_orders_account_id')
        batch_op.drop_constraint('mail_orders_account_id_fkey', type_='foreignkey')
        batch_op.drop_column('account_id')
