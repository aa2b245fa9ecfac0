"""linked identities

Revision 0013, after 0012.
"""

import sqlalchemy as sa
from alembic import op

revision: str = '0013'
down_revision: str | None = '0012'
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.create_table(
        'linked_identities',
        sa.Column('issuer', sa.String(length=300), nullable=False),
        sa.Column('subject', sa.String(length=255), nullable=False),
        sa.Column('account_id', sa.String(length=40), nullable=False),
        sa.Column('linked_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('issuer', 'subject'),
    )
    with op.batch_alter_table('linked_identities', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_linked_identities_account_id'), ['account_id'], unique=False)


def downgrade() -> None:
    op.drop_table('linked_identities')
