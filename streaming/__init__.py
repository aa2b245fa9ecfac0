"""One seat: a display with its sound, captured, encoded, sent to one player's browser, and played from there.

It knows nothing of sessions, people or Docker. Outside, it is `streaming.worker` (the process),
`streaming.seat_client` (its caller) and `streaming.protocol` (what they say to each other).
"""

PROTOCOL_VERSION = 1
SPOKEN_PROTOCOLS = (PROTOCOL_VERSION,)
"""What seats and agents of this release speak, the newest first. A new version keeps the one before it for a release:
seats outlive their agent, and go on under a newer one, or under an older one that comes back."""
