"""A session's save on its host: the folder, restoring it, capturing it, and getting it to the orchestrator."""
