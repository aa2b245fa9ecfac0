"""The container engine behind a port: what the agent asks of it, the real one, and an in-memory one for tests."""
