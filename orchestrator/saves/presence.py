"""Says once in the log that the store has gone away, and once that it is back. It names reasons, never an address."""

import structlog

_log = structlog.get_logger()


class Presence:
    def __init__(self) -> None:
        self.is_away = False

    def failed(self, reason: str) -> None:
        if not self.is_away:
            _log.warning("store.away", reason=reason)
        self.is_away = True

    def answered(self) -> None:
        if self.is_away:
            _log.info("store.back")
        self.is_away = False
