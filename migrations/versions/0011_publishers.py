"""publishers

Revision 0011, after 0010.
"""

import sqlalchemy as sa
from alembic import op

revision: str = '0011'
down_revision: str | None = '0010'
branch_labels: None = None
depends_on: None = None

_IS_OPEN = sa.text("state IN ('receiving', 'processing')")


def upgrade() -> None:
    op.create_table(
        'publishers',
        sa.Column('id', sa.String(length=40), nullable=False),
        sa.Column('name', sa.String(length=150), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('name'),
    )
    op.create_table(
        'publisher_keys',
        sa.Column('id', sa.String(length=40), nullable=False),
        sa.Column('publisher_id', sa.String(length=40), nullable=False),
        sa.Column('key_hash', sa.String(length=64), nullable=False),
        sa.Column('hint', sa.String(length=16), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(['publisher_id'], ['publishers.id'], ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('key_hash'),
    )
    with op.batch_alter_table('publisher_keys', schema=None) as batch_op:
        batch_op.create_index('publisher_keys_by_publisher', ['publisher_id'], unique=False)
    op.create_table(
        'published_games',
        sa.Column('game_id', sa.String(length=40), nullable=False),
        sa.Column('publisher_id', sa.String(length=40), nullable=False),
        sa.Column('launcher', sa.String(length=255), nullable=False),
        sa.Column('renpy_dir', sa.String(length=255), nullable=True),
        sa.Column('save_paths', sa.JSON(), nullable=False),
        sa.Column('active_build_id', sa.String(length=40), nullable=True),
        sa.Column('is_suspended', sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column('suspended_because', sa.String(length=500), nullable=True),
        sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['game_id'], ['games.id'], ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['publisher_id'], ['publishers.id']),
        sa.PrimaryKeyConstraint('game_id'),
    )
    with op.batch_alter_table('published_games', schema=None) as batch_op:
        batch_op.create_index('published_games_by_publisher', ['publisher_id'], unique=False)
    op.create_table(
        'uploads',
        sa.Column('id', sa.String(length=40), nullable=False),
        sa.Column('game_id', sa.String(length=40), nullable=False),
        sa.Column('state', sa.String(length=16), nullable=False),
        sa.Column('version', sa.String(length=100), nullable=True),
        sa.Column('size_bytes', sa.BigInteger(), nullable=True),
        sa.Column('received_bytes', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
        sa.Column('announced_digest', sa.String(length=64), nullable=True),
        sa.Column('digest', sa.String(length=64), nullable=True),
        sa.Column('spool', sa.String(length=40), nullable=False),
        sa.Column('busy_until', sa.DateTime(timezone=True), nullable=False),
        sa.Column('reasons', sa.JSON(), nullable=False),
        sa.Column('build_id', sa.String(length=40), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['game_id'], ['games.id'], ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id'),
    )
    with op.batch_alter_table('uploads', schema=None) as batch_op:
        batch_op.create_index(
            'one_open_upload_per_game', ['game_id'], unique=True, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN
        )
        batch_op.create_index('uploads_by_game', ['game_id', 'created_at'], unique=False)
        batch_op.create_index('open_uploads', ['state'], unique=False, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN)


def downgrade() -> None:
    op.drop_table('uploads')
    op.drop_table('published_games')
    op.drop_table('publisher_keys')
    op.drop_table('publishers')
