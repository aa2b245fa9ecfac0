"""`gameserver-agent doctor`: what keeps games from running on this host, and the command that mends it."""
