"""The stream beside its peers: `make bench-streaming` writes `bench/results/streaming.json`."""
