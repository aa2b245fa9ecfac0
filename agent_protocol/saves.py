"""How a host moves an archive by itself, past the replicas: `POST /api/agents/sessions/{id}/saves/way` before it sends
one, `GET /api/agents/saves/{version}/way` before it fetches one.

Whoever holds such an address may use it. It is never shown, not by an error either, and never logged.
"""

from pydantic import ConfigDict, Field

from agent_protocol.model import WireModel

TRANSFER_QUIET_S = 60.0  # without a byte
_SLOWEST_BYTES_PER_S = 128 * 1024


def transfer_within_s(size_bytes: int) -> float:
    """How long an archive may be under way in one direction before whoever moves it gives it up: longer than a minute
    where it would otherwise need a fast line.
    """
    return max(60.0, size_bytes / _SLOWEST_BYTES_PER_S)


class _Secretive(WireModel):
    model_config = ConfigDict(hide_input_in_errors=True)


class DirectUpload(_Secretive):
    """One PUT of the archive to `url` with just these headers: create-only, good for these bytes alone and for minutes.
    When it is done, `POST /api/agents/sessions/{id}/saves/{transfer}` makes a version of it.
    """

    url: str = Field(repr=False)
    headers: dict[str, str]
    transfer: str


class UploadWay(_Secretive):
    """Without `direct` the archive goes to a replica."""

    direct: DirectUpload | None = None


class DownloadWay(_Secretive):
    """GET of `url` gives the archive, for minutes; without it a replica does."""

    url: str | None = Field(default=None, repr=False)
