"""One session on this host: how far it has come, the container it runs in, the task that carries it through."""
