"""Letters to people: how they leave the house. What they say is told by whoever sends them."""
