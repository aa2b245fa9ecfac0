"""The frozen models that travel between orchestrator and agent.

This package decides the shape of the wire and nothing else: it imports neither side. Every model ignores fields that
it does not know, so that a newer peer can add optional ones; a change that an older peer cannot ignore raises
`PROTOCOL_VERSION`, and `versions` decides which one two of them speak.
"""

from agent_protocol.build import BuildSpec, Display, Limits, Request
from agent_protocol.join import JoinRequest, JoinResponse
from agent_protocol.run_result import RunResult
from agent_protocol.saves import TRANSFER_QUIET_S, DirectUpload, DownloadWay, UploadWay, transfer_within_s
from agent_protocol.sync import (
    SESSION_ID,
    Capacity,
    DesiredSession,
    EndCode,
    EndReport,
    HostImage,
    HostPull,
    News,
    ObservedSession,
    ObservedState,
    Progress,
    RestoreSource,
    SavedVersion,
    Statistics,
    SyncRequest,
    SyncResponse,
    Usage,
    WarmSeats,
    WarmTitles,
)
from agent_protocol.versions import PROTOCOL_VERSION, SPOKEN, NoCommonVersion, Spoken, common_version

__all__ = [
    "PROTOCOL_VERSION",
    "SESSION_ID",
    "SPOKEN",
    "TRANSFER_QUIET_S",
    "BuildSpec",
    "Capacity",
    "DesiredSession",
    "DirectUpload",
    "Display",
    "DownloadWay",
    "EndCode",
    "EndReport",
    "HostImage",
    "HostPull",
    "JoinRequest",
    "JoinResponse",
    "Limits",
    "News",
    "NoCommonVersion",
    "ObservedSession",
    "ObservedState",
    "Progress",
    "Request",
    "RestoreSource",
    "RunResult",
    "SavedVersion",
    "Spoken",
    "Statistics",
    "SyncRequest",
    "SyncResponse",
    "UploadWay",
    "Usage",
    "WarmSeats",
    "WarmTitles",
    "common_version",
    "transfer_within_s",
]
