"""One archive of everything that cannot be made anew, and a whole installation made of it.

It holds the database as rows, never as SQL: they go from SQLite to PostgreSQL and back, and nothing of them is run. And
it holds the archives and pictures of the local store, and the few small files of DATA. See docs/decisions/0045.
"""
