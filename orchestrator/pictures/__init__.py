"""Covers and screenshots that a game names by URL: fetched once, drawn anew, and shown from our own address."""
