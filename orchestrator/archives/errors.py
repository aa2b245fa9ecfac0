"""Why an archive is not taken."""


class ArchiveRefused(ValueError):
    """What the archive is or holds is not taken. `code` is for programs, the message for its publisher."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
