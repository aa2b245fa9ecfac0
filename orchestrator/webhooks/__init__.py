"""Signed news of sessions to tenants' servers: written down in the transaction that makes them, delivered by a loop."""
