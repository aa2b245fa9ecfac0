"""Seats on this host: their folders and uids, the install they run from, starting, speaking to and ending them."""
