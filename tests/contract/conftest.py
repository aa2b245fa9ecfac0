"""Where each port has its contract tests, and a private Docker Engine for those that run on the real thing.

port            twin              real                       tests
Runtime         FakeRuntime       DockerRuntime              contract/test_runtime.py
ArchiveStore    MemoryStore       FolderStore                contract/test_archive_store.py
SeatLauncher    -                 DetachedLauncher, a scope  integration/gameserver_agent/test_seat_launcher.py
Seats           FakeSeats         HostSeats                  none in common yet
control plane   ControlPlane      the orchestrator           none in common yet
"""

from tests.integration.conftest import docker_engine, tiny_image

__all__ = ["docker_engine", "tiny_image"]
