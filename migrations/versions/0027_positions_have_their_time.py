"""positions have their time

Revision 0027, after 0026.
"""

import sqlalchemy as sa
from alembic import op

revision: str = '0027'
down_revision: str | None = '0026'
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    with op.batch_alter_table('sessions', schema=None) as batch_op:
        batch_op.add_column(sa.Column('position_since', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('was_image_there', sa.Boolean(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('sessions', schema=None) as batch_op:
        batch_op.drop_column('was_image_there')
        batch_op.drop_column('position_since')
