"""Subway Runner: three lanes, trains, barriers to jump, signs to roll under, coins, and a speed that only rises."""
