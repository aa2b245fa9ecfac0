"""The agent's own port: health for everybody, containers for the operator, signalling for players."""
