"""Whose game is whose: codes that put a game into a person's library, and who may play what."""
