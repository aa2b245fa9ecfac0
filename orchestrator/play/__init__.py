"""Sessions: launch, status, keepalive, stop; the state machine and the loop that holds its deadlines."""
