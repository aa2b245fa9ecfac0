"""Matches of two at a board: rules, clocks, absences, offers, ratings and pairing. Pure.

Time and randomness come in as arguments, so the same events give the same match on every replica and after every
restart. A thin layer around this package stores rows and sends events; it decides nothing.
"""
