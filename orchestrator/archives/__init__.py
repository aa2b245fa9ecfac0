"""Archives of strangers, read as a stream within bounds: gzip, tar, and what may be in it. It extracts nothing."""
