"""the catalogue in memory

Revision 0018, after 0017. A game's words are no longer kept: each replica has them in memory.
"""

import sqlalchemy as sa
from alembic import op

revision: str = '0018'
down_revision: str | None = '0017'
branch_labels: None = None
depends_on: None = None

_IS_LISTED = sa.text('current_build_id IS NOT NULL')
_ORDERS = {
    'games_by_title': ['search_text', 'id'],
    'games_by_creation': ['created_at', 'search_text', 'id'],
    'games_by_popularity': ['popularity', 'search_text', 'id'],
}


def upgrade() -> None:
    op.drop_table('game_words')
    with op.batch_alter_table('games', schema=None) as batch_op:
        for name in _ORDERS:
            batch_op.drop_index(name)

    with op.batch_alter_table('games', schema=None) as batch_op:
        batch_op.drop_column('words_version')
        batch_op.add_column(sa.Column('revision', sa.BigInteger(), server_default=sa.text('0'), nullable=False))

    with op.batch_alter_table('games', schema=None) as batch_op:
        batch_op.create_index('games_by_revision', ['revision'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('games', schema=None) as batch_op:
        batch_op.drop_index('games_by_revision')

    with op.batch_alter_table('games', schema=None) as batch_op:
        batch_op.drop_column('revision')
        batch_op.add_column(sa.Column('words_version', sa.BigInteger(), server_default=sa.text('0'), nullable=False))

    with op.batch_alter_table('games', schema=None) as batch_op:
        for name, columns in _ORDERS.items():
            batch_op.create_index(
                name, columns, unique=False, sqlite_where=_IS_LISTED, postgresql_where=_IS_LISTED
            )

    word = sa.String(length=32).with_variant(sa.String(length=32, collation='C'), 'postgresql')
    op.create_table(
        'game_words',
        sa.Column('word', word, nullable=False),
        sa.Column('game_id', sa.String(length=40), nullable=False),
        sa.Column('place', sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(['game_id'], ['games.id'], ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('word', 'game_id'),
        sqlite_with_rowid=False,
    )
    op.create_index('game_words_by_game', 'game_words', ['game_id'], unique=False)
