"""members of tenants

Revision 0024, after 0023.
"""

import sqlalchemy as sa
from alembic import op

revision: str = '0024'
down_revision: str | None = '0023'
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.create_table('tenant_members',
    sa.Column('tenant_id', sa.String(length=40), nullable=False),
    sa.Column('account_id', sa.String(length=40), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'account_id')
    )
    with op.batch_alter_table('tenant_members', schema=None) as batch_op:
        batch_op.create_index('tenant_members_by_account', ['account_id'], unique=False)


def downgrade() -> None:
    op.drop_table('tenant_members')
