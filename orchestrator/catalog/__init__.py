"""The catalogue: games, their builds, and who likes them."""
