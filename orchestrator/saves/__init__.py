"""Save slots, their versions, and the store that holds the archives."""
