"""What many matches at once cost a replica: `python -m bench.arena`."""
