"""Bots that think beside the loop: processes that search, a bound on how many, and what happens when one fails.

What they play is decided in `matches.bots`. Start with `service.Bots`.
"""
