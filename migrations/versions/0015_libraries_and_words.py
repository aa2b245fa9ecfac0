"""libraries, and games found by words

Revision 0015, after 0014. Words of games that are there already are written down by `catalog.upkeep`.
"""

import sqlalchemy as sa
from alembic import op

revision: str = '0015'
down_revision: str | None = '0014'
branch_labels: None = None
depends_on: None = None

_IS_LISTED = sa.text('current_build_id IS NOT NULL')
_ORDERS = {
    'games_by_title': ['search_text', 'id'],
    'games_by_creation': ['created_at', 'search_text', 'id'],
    'games_by_popularity': ['popularity', 'search_text', 'id'],
}


def upgrade() -> None:
    with op.batch_alter_table('games', schema=None) as batch_op:
        batch_op.add_column(sa.Column('needs_code', sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column('popularity', sa.BigInteger(), server_default=sa.text('0'), nullable=False))
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

    op.create_table(
        'code_batches',
        sa.Column('id', sa.String(length=40), nullable=False),
        sa.Column('game_id', sa.String(length=40), nullable=False),
        sa.Column('note', sa.String(length=100), nullable=True),
        sa.Column('made_by', sa.String(length=40), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(['game_id'], ['games.id'], ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['made_by'], ['accounts.id'], ondelete='SET NULL'),
        sa.PrimaryKeyConstraint('id'),
    )
    op.create_index('code_batches_by_game', 'code_batches', ['game_id', 'created_at'], unique=False)

    op.create_table(
        'library_codes',
        sa.Column('id', sa.String(length=40), nullable=False),
        sa.Column('batch_id', sa.String(length=40), nullable=False),
        sa.Column('code_hash', sa.String(length=64), nullable=False),
        sa.Column('ends_with', sa.String(length=4), nullable=False),
        sa.Column('redeemed_by', sa.String(length=40), nullable=True),
        sa.Column('redeemed_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(['batch_id'], ['code_batches.id'], ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['redeemed_by'], ['accounts.id'], ondelete='SET NULL'),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('code_hash'),
    )
    op.create_index('library_codes_by_batch', 'library_codes', ['batch_id'], unique=False)

    op.create_table(
        'library_entries',
        sa.Column('account_id', sa.String(length=40), nullable=False),
        sa.Column('game_id', sa.String(length=40), nullable=False),
        sa.Column('added_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['game_id'], ['games.id'], ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('account_id', 'game_id'),
    )
    op.create_index('library_entries_by_game', 'library_entries', ['game_id'], unique=False)


def downgrade() -> None:
    op.drop_table('library_entries')
    op.drop_table('library_codes')
    op.drop_table('code_batches')
    op.drop_table('game_words')
    with op.batch_alter_table('games', schema=None) as batch_op:
        for name in _ORDERS:
            batch_op.drop_index(name)

    with op.batch_alter_table('games', schema=None) as batch_op:
        batch_op.drop_column('words_version')
        batch_op.drop_column('popularity')
        batch_op.drop_column('needs_code')
