"""A private Docker Engine for the tests, and a tiny image made without any network.

Needs root, `docker.io` and `busybox-static`. The engine lives in a temporary folder and leaves nothing behind.
"""

import contextlib
import io
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import docker

FIRST_UID = 200_000
_BUSYBOX = Path("/bin/busybox")
_APPLETS = (
    "sh",
    "sleep",
    "cat",
    "id",
    "ls",
    "grep",
    "touch",
    "mkdir",
    "ln",
    "mkfifo",
    "kill",
    "date",
    "dd",
    "env",
    "ps",
    "head",
)


@dataclass(frozen=True)
class DockerEngine:
    """A running engine; `url` is what `--docker-host` takes."""

    url: str
    folder: Path

    def container_names(self) -> set[str]:
        """All containers, running or not."""
        with contextlib.closing(self.client()) as client:
            return {str(entry["Names"][0]).removeprefix("/") for entry in client.containers(all=True)}

    def run_sleeper(self, name: str, image_id: str, labels: dict[str, str]) -> None:
        """A container that is none of the agent's business."""
        with contextlib.closing(self.client()) as client:
            answer = client.create_container(
                image=image_id, command=["/bin/sleep", "600"], name=name, labels=labels, network_disabled=True
            )
            client.start(answer["Id"])

    def remove(self, name: str) -> None:
        with contextlib.closing(self.client()) as client:
            client.remove_container(name, force=True)

    def client(self) -> docker.APIClient:
        return docker.APIClient(base_url=self.url, version="1.41", timeout=30)


class RunningEngine:
    """A private engine: no bridge, no iptables, containers survive its restart. One with `user_namespaces` counts uids
    from `FIRST_UID` on, which it reads in files that it alone sees.
    """

    def __init__(self, *, user_namespaces: bool = False) -> None:
        self._user_namespaces = user_namespaces
        self._folder = Path(tempfile.mkdtemp(prefix="engine-", dir="/tmp"))
        self._process: subprocess.Popen[bytes] | None = None
        self.engine = DockerEngine(f"unix://{self._folder}/docker.sock", self._folder)

    def __enter__(self) -> DockerEngine:
        self.start()
        return self.engine

    def start(self) -> None:
        folder = self._folder
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(self._with_user_namespaces() if self._user_namespaces else ()),
                    "dockerd",
                    *("--data-root", str(folder / "root"), "--exec-root", str(folder / "exec")),
                    *("--pidfile", str(folder / "pid"), "-H", f"unix://{folder}/docker.sock"),
                    *("--bridge=none", "--iptables=false", "--live-restore"),
                    *(("--userns-remap=nobody:nogroup",) if self._user_namespaces else ()),
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while not self._answers():
            assert self._process.poll() is None, (folder / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, "dockerd did not come up"
            time.sleep(0.1)

    def _with_user_namespaces(self) -> tuple[str, ...]:
        self._folder.chmod(0o711)
        for name in ("subuid", "subgid"):
            (self._folder / name).write_text(f"nobody:{FIRST_UID}:65536\n")
        binding = " && ".join(f"mount --bind {self._folder}/{name} /etc/{name}" for name in ("subuid", "subgid"))
        touching = "touch /etc/subuid /etc/subgid"
        return (
            "unshare",
            "--mount",
            "--propagation",
            "slave",
            "sh",
            "-c",
            f'{touching} && {binding} && exec "$@"',
            "sh",
        )

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(20)

    def __exit__(self, *_: object) -> None:
        client = self.engine.client()
        try:
            for container in client.containers(all=True):
                client.remove_container(container["Id"], force=True)
        finally:
            client.close()
        self.stop()
        mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for point in sorted((point for point in mounted if point.startswith(f"{self._folder}/")), reverse=True):
            subprocess.run(["umount", "--lazy", point], check=True)
        shutil.rmtree(self._folder)

    def _answers(self) -> bool:
        """Tried without the SDK, whose failed connections leave sockets open."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._folder / "docker.sock"))
            except OSError:
                return False
            probe.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            return b" 200 " in probe.recv(64)


def import_tiny_image(engine: DockerEngine, tag: str = "latest", programs: Mapping[str, bytes] | None = None) -> str:
    """With these in `/bin` as well."""
    assert _BUSYBOX.exists(), "these tests need the package busybox-static"
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for folder in ("bin", "home", "home/player", "session", "tmp", "run", "proc", "sys", "dev", "etc"):
            member = tarfile.TarInfo(folder)
            member.type, member.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            archive.addfile(member)
        archive.add(_BUSYBOX, "bin/busybox")
        for applet in _APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
        for name, content in (programs or {}).items():
            member = tarfile.TarInfo(f"bin/{name}")
            member.mode, member.size = 0o755, len(content)
            archive.addfile(member, io.BytesIO(content))
    client = engine.client()
    try:
        client.import_image_from_data(raw.getvalue(), repository="playhouse/tiny", tag=tag)
        return str(client.inspect_image(f"playhouse/tiny:{tag}")["Id"])
    finally:
        client.close()
