"""sessions are found by slot and by game, codes by person

Revision 0016, after 0015.
"""

from alembic import op

revision: str = '0016'
down_revision: str | None = '0015'
branch_labels: None = None
depends_on: None = None

_INDEXES = {
    'sessions_by_slot': ('sessions', ['slot_id', 'created_at']),
    'sessions_by_game': ('sessions', ['game_id', 'build_id']),
    'code_batches_by_maker': ('code_batches', ['made_by']),
    'library_codes_by_person': ('library_codes', ['redeemed_by']),
}


def upgrade() -> None:
    for name, (table, columns) in _INDEXES.items():
        op.create_index(name, table, columns)


def downgrade() -> None:
    for name, (table, _) in _INDEXES.items():
        op.drop_index(name, table)
