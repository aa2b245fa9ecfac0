"""Everything on one machine: an engine, one replica and one agent, started, watched and stopped together.

It starts programs and writes to DATA; what a session, a save or a placement is, it does not know.
"""
