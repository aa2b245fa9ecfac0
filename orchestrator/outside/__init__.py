"""Requests to servers that somebody else named: to public addresses alone, and without trust in what they answer."""
