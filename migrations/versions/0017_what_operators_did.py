"""the log of what operators did

Revision 0017, after 0016.
"""

import sqlalchemy as sa
from alembic import op

revision: str = '0017'
down_revision: str | None = '0016'
branch_labels: None = None
depends_on: None = None

_INDEXES = {
    'audit_events_by_time': ['at', 'id'],
    'audit_events_by_actor': ['actor_id', 'at'],
    'audit_events_by_action': ['action', 'at'],
    'audit_events_by_subject': ['subject_id', 'at'],
}


def upgrade() -> None:
    op.create_table(
        'audit_events',
        sa.Column('id', sa.String(length=40), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('actor_kind', sa.String(length=16), nullable=False),
        sa.Column('actor_id', sa.String(length=40), nullable=True),
        sa.Column('action', sa.String(length=40), nullable=False),
        sa.Column('subject_id', sa.String(length=100), nullable=False),
        sa.Column('details', sa.JSON(), nullable=False),
        sa.Column('address', sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint('id'),
    )
    for name, columns in _INDEXES.items():
        op.create_index(name, 'audit_events', columns, unique=False)


def downgrade() -> None:
    op.drop_table('audit_events')
