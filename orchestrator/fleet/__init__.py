"""Hosts: join, sync, leases, capacity, learned profiles; asks `scheduler` where a session should run."""
