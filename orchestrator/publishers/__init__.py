"""Publishers: their keys, their games, and how an uploaded archive becomes a build that can be played."""
