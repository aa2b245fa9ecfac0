"""What Prometheus reads of a replica: its table of metrics, the facts of the database, and who may read them."""
