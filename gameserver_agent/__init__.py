"""The daemon on each game host: it turns desired sessions into running games and reports what it sees.

It decides nothing about people, placement or the catalogue; it never imports the control plane.
"""
