"""A day compressed into half an hour: people come and go in a town of two hosts where something always breaks."""
