"""The evening of `docs/deploying.md`, typed as it is written: a database, a registry, a store, TLS, a replica and two
game hosts, on machines of a small network. Then somebody plays there, and releases come, broken ones too.
"""

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from PIL import Image

from bench.browser_player import Player, chromium
from bench.soak.picture import Luma, is_lit
from tests.browser.house.walking import count_once, register
from tests.docs.reading import under, without_comment
from tests.integration.deploy.scene import CERTIFICATE, CHECKOUT, DOMAIN, HOSTS, KEY, Scene, scene

OTHERS = "and so on for the others"
SECRETS = ("DATABASE-PASSWORD", "REGISTRY-PASSWORD", "STORE-SECRET")
TOKEN = "join_PASTE-IT-HERE"
PASSWORD = "an evening of an operator"
ALL_AGENTS = 'make deploy-agent HOST="root@host-a.example.org root@host-b.example.org"'
SERVICE = "gameserver_agent/service.py"
START = "    await asyncio.to_thread(require_reachable, settings)"  # among the first things that an agent does
# The service manager is behind one option, and there is no systemd here.
MAKE = f"""
make() {{
    local words=() args="--manager processes --within 300" word
    for word; do case $word in ARGS=*) args+=" ${{word#ARGS=}}" ;; *) words+=("$word") ;; esac; done
    command make --no-print-directory "${{words[@]}}" ARGS="$args"
}}
cd {CHECKOUT}
"""


class Operator:
    """Whoever goes through the page. `said` is what the last block printed, by machine; at the desk, by the host that
    it was about.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.began = time.monotonic()
        self.said: dict[str, str] = {}
        self._tells_token = ""

    def follows(self, block: str) -> None:
        """A block of the page. Its first line says on which machine, and into which file if it is one; with `OTHERS` it
        is done for each host.
        """
        first, _, rest = block.partition("\n")
        where, lines = (first.removeprefix("# "), rest) if first.startswith("# ") else ("", block)
        hosts = HOSTS if where.endswith(OTHERS) else HOSTS[:1]
        where = where.removesuffix(OTHERS).removesuffix(", ")
        file, _, machine = f" {where}".rpartition(" on ") if where.endswith(f".{DOMAIN}") else (where, "", "")
        if "hosts token" in lines:
            self._tells_token = lines
        with ThreadPoolExecutor(len(hosts)) as at_once:
            done = [at_once.submit(self._does, file, machine, lines, host) for host in hosts]
            self.said = dict(each.result() for each in done)

    def _does(self, file: str, machine: str, lines: str, host: str) -> tuple[str, str]:
        file, machine, lines = (text.replace(HOSTS[0], host) for text in (file, machine, lines))
        name = machine.removesuffix(f".{DOMAIN}")
        for secret in SECRETS:
            lines = lines.replace(secret, f"{secret.lower()}-of-a-test")
        if TOKEN in lines:
            lines = lines.replace(TOKEN, self.types("play", self._tells_token).strip())
        if not file.strip():
            return name or host, self.types(name or "desk", lines)
        if file.endswith("Caddyfile"):  # as the page says of a CA of one's own
            lines = re.sub(r"^(\S.* \{)$", rf"\1\n    tls {CERTIFICATE} {KEY}", lines, flags=re.MULTILINE)
        if file == "orchestrator.env":
            lines += "AWS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt\n"
        self.scene.machines[name or "desk"].types(f"cd {CHECKOUT}; cat > {file}", given=lines)
        return name or host, ""

    def types(self, machine: str, lines: str, *, fails: bool = False) -> str:
        """What is printed. Where it should fail, it has to."""
        at_the_desk = MAKE if machine == "desk" else ""
        given = f"{PASSWORD}\n"
        return self.scene.machines[machine].types(f"{at_the_desk}{lines}", given=given, fails=fails)

    def operates(self, words: str) -> str:
        return self.types("play", f"/opt/playhouse/bin/{words}")

    def changes(self, text: str, to: str) -> None:
        """In a file of the checkout, in which it stands once."""
        path = self.scene.machines["desk"].root / CHECKOUT[1:] / SERVICE
        before = path.read_text()
        assert before.count(text) == 1
        path.write_text(before.replace(text, to))

    def runs(self, machine: str, role: str) -> tuple[str, str]:
        """The release and the process."""
        base = f"/opt/playhouse/{role}"
        release, process = self.types(machine, f"readlink {base}/current; cat {base}/run/pid").splitlines()
        return release.removeprefix("releases/"), process


@pytest.fixture(scope="module")
def operator() -> Generator[Operator]:
    folder = Path(tempfile.mkdtemp(prefix="evening-", dir="/tmp"))
    try:
        with ExitStack() as stack:
            operator = Operator(scene(folder, stack))
            try:
                go_through_the_page(operator)
                yield operator
            finally:
                for machine in operator.scene.machines.values():
                    print(machine.logs())
    finally:
        for groups in list(Path("/sys/fs/cgroup").glob(f"**/{folder.name}")):  # of the engines' containers
            for group in sorted(groups.glob("**/"), reverse=True):
                group.rmdir()
        shutil.rmtree(folder)


def go_through_the_page(operator: Operator) -> None:
    for block in under("docs/deploying.md", "An evening, in order"):
        print(f"{time.monotonic() - operator.began:.1f} s: {block.splitlines()[0]}")
        operator.follows(block)
        if "--check" in block:
            assert "playhouse-orchestrator is started" in operator.said[HOSTS[0]]
        if "doctor" in block:
            assert not [said for said in operator.said.values() if "broken" in said]
        if "hosts list" in block:
            assert all(re.search(rf"{host}.*ready", operator.said["play"]) for host in HOSTS), operator.said
    assert operator.said[HOSTS[0]].count("nothing changes") == len(HOSTS), "the last block does it all again"


@pytest.mark.timeout(900)
def test_somebody_plays_there_and_the_save_follows_to_the_other_host(operator: Operator) -> None:
    with chromium(f"https://play.{DOMAIN}", program=str(operator.scene.browser)) as player, telling(player):
        player.page.set_default_timeout(60_000)
        register(player, "Wanda")
        player.open_game("tiny-counter")
        player.play()
        player.wait_for_picture()
        print(f"the first picture came {time.monotonic() - operator.began:.1f} s after the first command")
        player.wait_for_running()
        first = host_of(player)
        picture = player.picture()
        player.wait_until_different(picture, 0.1, 60)
        assert not has_lamp_lit(picture)
        player.page.keyboard.down("a")
        until(player, lambda: has_lamp_lit(player.picture()))
        player.page.keyboard.up("a")
        until(player, lambda: not has_lamp_lit(player.picture()))
        newest = count_once(player, lambda count: count >= 8)
        assert player.marks()["frames"] > newest
        assert player.stop()["status"] == "stopped"

        drain = without_comment(under("docs/operations.md", "Drain a host for an upgrade")[0].splitlines()[0])
        operator.operates(drain.replace("HOST", first))
        player.open_game("tiny-counter")
        player.play("button[aria-label^='Continue slot 1']")
        assert count_once(player, lambda count: count > 0) >= newest
        assert {first, host_of(player)} == set(HOSTS)
        assert player.stop()["status"] == "stopped"
    weed = "/opt/seaweedfs/bin/weed shell -master=127.0.0.1:9333"
    assert re.search(r"block: +[1-9]", operator.types("play", f"{weed} <<< 'fs.du /buckets/saves'")), (
        "it was in the store"
    )


@contextmanager
def telling(player: Player) -> Generator[None]:
    """What the page said, when what is done on it fails."""
    try:
        yield
    except BaseException:
        print(player.page.url, player.page.inner_text("body"))
        raise


def host_of(player: Player) -> str:
    """By the address of the stream."""
    return str(player.marks()["status"]["containerUrl"]).removeprefix("https://").partition(".")[0]


def has_lamp_lit(picture: Image.Image) -> bool:
    """As it is while a key is held."""
    return is_lit(Luma(picture.convert("L").tobytes(), picture.width, picture.width, picture.height))


def until(player: Player, holds: Callable[[], bool]) -> None:
    """It comes true while the page goes on."""
    for _ in player.frames(60):
        if holds():
            return
    pytest.fail("it never came true")


@pytest.mark.timeout(900)
def test_no_broken_release_takes_a_house_down(operator: Operator) -> None:
    before = {machine: operator.runs(machine, "agent") for machine in HOSTS}
    replica = operator.runs("play", "orchestrator")
    settings = "/etc/playhouse/orchestrator.env"
    assert (operator.scene.machines["play"].root / settings[1:]).stat().st_mode & 0o777 == 0o600

    # Without settings it says what is missing.
    said = operator.types(
        "desk", f"make deploy-orchestrator HOST=root@{HOSTS[0]}.{DOMAIN} ARGS=--check 2>&1", fails=True
    )
    assert "deploy/systemd/orchestrator.env.example" in said

    # What does not load never gets as far as being started.
    operator.changes("import asyncio\n", "import asyncio\nimport nothing_of_that_name\n")
    assert "nothing_of_that_name" in operator.types("desk", f"{ALL_AGENTS} 2>&1", fails=True)
    assert {machine: operator.runs(machine, "agent") for machine in HOSTS} == before

    # A release of which the agent loads and does not start: it is taken back on the first host and never comes to the
    # second, while at the same time the replica, which is well, takes over. Of packages there is one copy.
    operator.changes("import nothing_of_that_name\n", "")
    operator.changes(START, f"{START}\n    raise RuntimeError('not today')")
    with ThreadPoolExecutor(2) as both:
        ill = both.submit(operator.types, "desk", f"{ALL_AGENTS} 2>&1", fails=True)
        operator.types("desk", f"make deploy-orchestrator HOST=root@play.{DOMAIN}")
        said = ill.result()
    assert "not today" in said
    assert f"{before[HOSTS[0]][0]} runs again, and is well." in said
    version, process = operator.runs(HOSTS[0], "agent")
    assert (version, process != before[HOSTS[0]][1]) == (before[HOSTS[0]][0], True)
    assert operator.runs(HOSTS[1], "agent") == before[HOSTS[1]]
    version, process = operator.runs("play", "orchestrator")
    assert version != replica[0]
    assert process != replica[1]
    assert "not today" in operator.types("play", f"cat /opt/playhouse/orchestrator/current/{SERVICE}")
    assert operator.types("play", "ls /opt/playhouse/orchestrator/environments | wc -l").strip() == "1"

    # What mends it comes to both by the same line, and whoever plays meanwhile plays on in one connection.
    operator.changes("\n    raise RuntimeError('not today')", "  # tomorrow")
    with chromium(f"https://play.{DOMAIN}", program=str(operator.scene.browser)) as player, telling(player):
        player.page.set_default_timeout(60_000)
        register(player, "Otto")
        player.open_game("tiny-counter")
        player.play()
        counted = count_once(player, lambda count: count > 0)
        was = player.marks()
        with ThreadPoolExecutor(1) as beside:
            deploying = beside.submit(operator.types, "desk", ALL_AGENTS)
            while not deploying.done():
                player.page.wait_for_timeout(100)
            deploying.result()
        assert count_once(player, lambda count: count > counted)
        now = player.marks()
        assert (now["connections"], now["connectionState"]) == (was["connections"], "connected")
        assert now["status"]["containerUrl"] == was["status"]["containerUrl"]
        assert player.stop()["status"] == "stopped"
    [mended] = {operator.runs(machine, "agent")[0] for machine in HOSTS}
    assert mended != before[HOSTS[0]][0]
    for machine in HOSTS:
        operator.types(machine, "curl --fail --silent http://127.0.0.1:9100/health/ready")
