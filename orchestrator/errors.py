"""Every expected failure that a caller can meet, as one tree.

    ApiError
    ├── InvalidRequest   400 invalid_request
    ├── Unauthorized     401 unauthorized
    │   └── HostRemoved  401 host_removed: the host's key was right and is no more
    ├── Forbidden        403 forbidden
    ├── NotFound         404 not_found
    ├── Conflict         409 (its own code: session_active, session_ended, slots_full, …)
    ├── UnsupportedVersion 412 unsupported_version
    ├── TooLarge         413 too_large
    ├── RateLimited      429 rate_limited, with Retry-After
    ├── NoServers        503 no_servers, with Retry-After
    ├── StoreUnavailable 503 store_unavailable, with Retry-After
    └── DatabaseUnavailable 503 database_unavailable, with Retry-After

Each travels as `{"error": code, "message": text}`. Anything else that is raised is a bug: a 500 with a request id.
"""

from typing import ClassVar


class ApiError(Exception):
    """The root. `message` is for people; `code` is for programs."""

    status: ClassVar[int] = 500
    code: str = "internal_error"

    def __init__(self, message: str, *, code: str | None = None, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s
        if code is not None:
            self.code = code


class InvalidRequest(ApiError):
    status = 400
    code = "invalid_request"


class Unauthorized(ApiError):
    status = 401
    code = "unauthorized"


class HostRemoved(Unauthorized):
    """An agent ends its sessions when it hears this, and not for any other 401: that may come of a wrong database."""

    code = "host_removed"

    def __init__(self) -> None:
        super().__init__("this host was removed")


class Forbidden(ApiError):
    status = 403
    code = "forbidden"


class NotFound(ApiError):
    status = 404
    code = "not_found"


class Conflict(ApiError):
    status = 409
    code = "conflict"

    def __init__(self, message: str, *, code: str, details: dict[str, str] | None = None) -> None:
        super().__init__(message, code=code)
        self.details = details or {}


class UnsupportedVersion(ApiError):
    """Of a protocol that runs on top of HTTP."""

    status = 412
    code = "unsupported_version"

    def __init__(self, message: str, *, details: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.details = details or {}


class TooLarge(ApiError):
    status = 413
    code = "too_large"


class RateLimited(ApiError):
    status = 429
    code = "rate_limited"


class NoServers(ApiError):
    status = 503
    code = "no_servers"


class StoreUnavailable(ApiError):
    """The store of save archives fails now: a full disk, a share that is away. Nothing was kept; a later try helps."""

    status = 503
    code = "store_unavailable"

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after_s=5)


class DatabaseUnavailable(ApiError):
    """The database is away or too busy. Nothing was changed; a later try helps."""

    status = 503
    code = "database_unavailable"

    def __init__(self) -> None:
        super().__init__("The database does not answer at the moment. Please try again.", retry_after_s=2)
