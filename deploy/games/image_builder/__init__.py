"""What `build.py` beside it is made of. Standard library only."""
