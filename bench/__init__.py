"""Benchmarks that anyone can rerun: `make bench-NAME` writes `bench/results/NAME.json`."""
