"""`orchestrator doctor`: what keeps a replica from working here, and the command that mends it."""
