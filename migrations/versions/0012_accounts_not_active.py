"""accounts not active

Revision 0012, after 0011.
"""

import sqlalchemy as sa
from alembic import op

revision: str = '0012'
down_revision: str | None = '0011'
branch_labels: None = None
depends_on: None = None

_IS_NOT_ACTIVE = sa.text("state <> 'active'")


def upgrade() -> None:
    with op.batch_alter_table('accounts', schema=None) as batch_op:
        batch_op.create_index(
            'accounts_not_active',
            ['state'],
            unique=False,
            sqlite_where=_IS_NOT_ACTIVE,
            postgresql_where=_IS_NOT_ACTIVE,
        )


def downgrade() -> None:
    with op.batch_alter_table('accounts', schema=None) as batch_op:
        batch_op.drop_index('accounts_not_active')
