"""Where a session should run, and how much it should be promised.

Everything here is a function of values: no clock, no I/O, no randomness of its own, no database. `placement` picks the
host, `profiles` learns what a build needs. Whoever calls brings the snapshot, the random draw and the transaction that
reserves; what is decided here is only a proposal until that transaction has committed.
"""
