"""One seat: a display with its sound, captured, encoded, sent to one player's browser, and played from there.

It knows nothing of sessions, people or Docker. Outside, it is `streaming.worker` (the process),
`streaming.seat_client` (its caller) and `streaming.protocol` (what they say to each other).
"""

PROTOCOL_VERSION = 1
