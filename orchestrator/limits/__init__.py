"""How often one may try something: sign in, redeem a code, ask with a key. Each subject names its own limits."""
