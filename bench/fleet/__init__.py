"""`make bench-fleet`: what a fleet of many hosts costs its control plane."""
