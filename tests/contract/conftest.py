"""Where each port has its contract tests, and what those that run on the real thing need.

port            twin              real                       tests
Runtime         FakeRuntime       DockerRuntime              contract/test_runtime.py
ArchiveStore    MemoryStore       FolderStore, S3Store       contract/test_archive_store.py
Seats           FakeSeats         HostSeats                  contract/test_seats.py
control plane   ControlPlane      the orchestrator           contract/test_control_plane.py
SeatLauncher    -                 DetachedLauncher, a scope  integration/gameserver_agent/test_seat_launcher.py
"""

from tests.integration.conftest import docker_engine, seat_runtime, tiny_image
from tests.integration.gameserver_agent.conftest import short_folder

__all__ = ["docker_engine", "seat_runtime", "short_folder", "tiny_image"]
