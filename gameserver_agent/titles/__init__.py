"""Games that wait at their title, started for nobody yet."""
