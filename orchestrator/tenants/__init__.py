"""Tenants: other companies whose users play here. Who they are, their keys, their plans and what they have used."""
