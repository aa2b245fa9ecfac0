"""pictures that games name by URL are fetched, and shown from here

Revision 0023, after 0022.
"""

import secrets
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision: str = '0023'
down_revision: str | None = '0022'
branch_labels: None = None
depends_on: None = None

IS_WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    pictures = op.create_table(
        'game_pictures',
        sa.Column('id', sa.String(length=40), nullable=False),
        sa.Column('game_id', sa.String(length=40), nullable=False),
        sa.Column('url', sa.String(length=2000), nullable=False),
        sa.Column('state', sa.String(length=16), nullable=False),
        sa.Column('tries', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
        sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('lease_until', sa.DateTime(timezone=True), nullable=True),
        sa.Column('fault', sa.String(length=20), nullable=True),
        sa.Column('status', sa.BigInteger(), nullable=True),
        sa.Column('key', sa.String(length=100), nullable=True),
        sa.ForeignKeyConstraint(['game_id'], ['games.id'], ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id'),
    )
    with op.batch_alter_table('game_pictures', schema=None) as batch_op:
        batch_op.create_index('game_pictures_by_game', ['game_id'], unique=False)
        batch_op.create_index(
            'game_pictures_due', ['due_at'], unique=False, sqlite_where=IS_WAITING, postgresql_where=IS_WAITING
        )
    with op.batch_alter_table('games', schema=None) as batch_op:
        batch_op.add_column(sa.Column('shown_thumbnail', sa.String(length=2000), nullable=True))
        batch_op.add_column(sa.Column('shown_screenshots', sa.JSON(), server_default='[]', nullable=False))
    _fill(pictures)


def _fill(pictures: sa.Table) -> None:
    """Paths of ours are shown as before; what lies elsewhere waits to be fetched."""
    games = sa.table(
        'games',
        sa.column('id', sa.String),
        sa.column('thumbnail', sa.String),
        sa.column('screenshots', sa.JSON),
        sa.column('shown_thumbnail', sa.String),
        sa.column('shown_screenshots', sa.JSON),
    )
    connection = op.get_bind()
    now = datetime.now(UTC)
    for game_id, thumbnail, screenshots in connection.execute(
        sa.select(games.c.id, games.c.thumbnail, games.c.screenshots)
    ).all():
        named = [picture for picture in dict.fromkeys((thumbnail, *screenshots)) if picture]
        if not named:
            continue
        shown = [picture for picture in screenshots if _is_ours(picture)]
        connection.execute(
            sa.update(games)
            .where(games.c.id == game_id)
            .values(shown_thumbnail=thumbnail if thumbnail and _is_ours(thumbnail) else None, shown_screenshots=shown)
        )
        rows = [
            {
                'id': f'pic{secrets.token_hex(11)}',
                'game_id': game_id,
                'url': url,
                'state': 'waiting',
                'tries': 0,
                'due_at': now,
            }
            for url in named
            if url.startswith(('http://', 'https://'))
        ]
        if rows:
            connection.execute(sa.insert(pictures), rows)


def _is_ours(picture: str) -> bool:
    return picture.startswith('/') and not picture.startswith('//')


def downgrade() -> None:
    with op.batch_alter_table('games', schema=None) as batch_op:
        batch_op.drop_column('shown_screenshots')
        batch_op.drop_column('shown_thumbnail')
    op.drop_table('game_pictures')
