"""signing keys follow each other

Revision 0031, after 0030.
"""

import sqlalchemy as sa
from alembic import op

revision: str = '0031'
down_revision: str | None = '0030'
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.create_table('signing_keys',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('pem', sa.Text(), nullable=False),
    sa.Column('signs_from', sa.DateTime(timezone=True), nullable=False),
    sa.Column('former_until', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )


def downgrade() -> None:
    op.drop_table('signing_keys')
