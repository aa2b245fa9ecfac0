"""The log of what operators did: who, what, to what, when, from where."""
