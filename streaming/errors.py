"""What can go wrong with a seat, as one small tree.

SeatError               code, message; travels on the control socket
├── SeatUnavailable     the worker is gone, or does not answer
└── SeatFailed          display, sound or media could not be started or died
"""


class SeatError(Exception):
    """The root. `code` is for programs, the message for people."""

    code: str = "seat_error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class SeatUnavailable(SeatError):
    code = "seat_unavailable"


class SeatFailed(SeatError):
    code = "seat_failed"
