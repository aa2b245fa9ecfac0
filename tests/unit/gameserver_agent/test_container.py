"""The container of a game and the meaning of its end."""

import signal
from datetime import UTC, datetime
from pathlib import Path

from agent_protocol import BuildSpec, ObservedState
from gameserver_agent.runtime.docker_arguments import MOST_FILES, host_config, readable_lines, sample_from_statistics
from gameserver_agent.runtime.port import ContainerStatus, Mount
from gameserver_agent.runtime.pull_progress import PullProgress
from gameserver_agent.runtime.system_calls import PROFILE
from gameserver_agent.saves.archive import Owner
from gameserver_agent.seats.places import SeatPlace
from gameserver_agent.sessions.container import game_container, host_labels, left_by_itself
from gameserver_agent.sessions.state import LEGAL_MOVES, moved
from gameserver_agent.statistics import Meter, Sample
from streaming.protocol import Hello
from tests.unit.gameserver_agent.orders import order

PLACE = SeatPlace(Path("/run/p/hst1/ses1"), Owner(210_007, 210_007, drop=True))
HELLO = Hello(
    protocol=1,
    pid=1,
    display=7,
    x_socket="/tmp/.X11-unix/X7",
    xauthority="/run/p/hst1/ses1/seat/Xauthority",
    pulse_socket="/run/p/hst1/ses1/seat/pulse/native",
)
BUILD = BuildSpec(
    build_id="bld1",
    image="playhouse/game:1",
    image_id="sha256:game",
    command=("/usr/games/game", "--fast"),
    environment={"HOME": "/elsewhere", "GAME": "1"},
)
SPEC = game_container(order(build=BUILD), host_labels("ins1", "hst1"), PLACE, HELLO, "/data/home")


def test_a_container_names_its_session_and_whose_it_is() -> None:
    assert SPEC.name == "playhouse-ses1-1"
    assert SPEC.labels == {
        "playhouse.installation": "ins1",
        "playhouse.host": "hst1",
        "playhouse.session": "ses1",
        "playhouse.generation": "1",
        "playhouse.build": "bld1",
    }


def test_a_game_whose_result_is_wanted_has_a_place_for_it_in_its_home() -> None:
    desired = order(build=BUILD).model_copy(update={"for_result": True})
    spec = game_container(desired, host_labels("ins1", "hst1"), PLACE, HELLO, "/data/home")
    place = Mount("/data/home/.playhouse-result", "/session/result")
    assert spec.mounts == (*SPEC.mounts, place)
    assert spec.environment == SPEC.environment


def test_a_build_cannot_move_its_home_or_display() -> None:
    assert SPEC.environment["HOME"] == "/home/player"
    assert SPEC.environment["DISPLAY"] == ":0"
    assert SPEC.environment["PULSE_SERVER"] == "unix:/session/pulse/native"
    assert SPEC.environment["GAME"] == "1"


def test_a_game_sees_its_own_display_sound_and_save_alone() -> None:
    assert [(mount.source, mount.target, mount.read_only) for mount in SPEC.mounts] == [
        ("/data/home", "/home/player", False),
        ("/run/p/hst1/ses1/session", "/session", True),
        ("/run/p/hst1/ses1/seat/Xauthority", "/session/Xauthority", True),
        ("/run/p/hst1/ses1/seat/pulse", "/session/pulse", True),
        ("/tmp/.X11-unix/X7", "/tmp/.X11-unix/X0", False),
    ]


def test_isolation_takes_no_argument() -> None:
    config = host_config(SPEC)
    assert config["NetworkMode"] == "none"
    assert config["CapDrop"] == ["ALL"]
    assert config["SecurityOpt"] == ["no-new-privileges", f"seccomp={PROFILE}"]
    assert {(limit["Name"], limit["Soft"], limit["Hard"]) for limit in config["Ulimits"]} == {
        ("core", 0, 0),
        ("nofile", MOST_FILES, MOST_FILES),
    }
    assert config["LogConfig"]["Config"] == {"max-size": "1m", "max-file": "1"}
    assert config["ReadonlyRootfs"] is True
    assert config["Init"] is True
    assert config["IpcMode"] == "private"
    assert config["Memory"] == config["MemorySwap"] == 1024**3
    assert config["NanoCpus"] == 2_000_000_000
    assert config["PidsLimit"] == 256
    assert "Privileged" not in config
    assert all("nosuid" in options and "nodev" in options for options in config["Tmpfs"].values())


def ended(exit_code: int, *, out_of_memory: bool = False) -> ContainerStatus:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return ContainerStatus(False, True, exit_code, out_of_memory, now, now)


def test_every_end_has_a_reason_for_people() -> None:
    assert left_by_itself(ended(0), (), 1).code == "exited"
    crash = left_by_itself(ended(1), ("Invalid window",), 1)
    assert (crash.code, crash.log_tail) == ("crashed", ("Invalid window",))
    assert "exit code 1" in crash.message
    assert "Invalid window" in crash.message
    assert "SIGSEGV" in left_by_itself(ended(139), (), 1).message
    hungry = left_by_itself(ended(137, out_of_memory=True), (), 512 * 1024**2)
    assert hungry.code == "out_of_memory"
    assert "512 MB" in hungry.message


def test_every_state_that_is_not_final_leads_to_the_end() -> None:
    assert set(LEGAL_MOVES) == set(ObservedState)
    for state in ObservedState:
        reached, left = set[ObservedState](), [state]
        while left:
            now = left.pop()
            reached.add(now)
            left.extend(LEGAL_MOVES[now] - reached)
        assert ObservedState.ENDED in reached
    assert moved(ObservedState.RUNNING, ObservedState.STOPPING) is ObservedState.STOPPING


def test_log_lines_are_fit_to_be_shown() -> None:
    raw = b"\x1b[31mred\x1b[0m\r\n\n" + b"x" * 900 + b"\n\xff\x07bell\n"
    assert readable_lines(raw, 10) == ("red", "x" * 500, "\N{REPLACEMENT CHARACTER}bell")
    assert readable_lines(raw, 1) == ("\N{REPLACEMENT CHARACTER}bell",)
    assert readable_lines(b"", 5) == ()


def test_statistics_of_cgroup_v1() -> None:
    answer: dict[str, object] = {
        "cpu_stats": {"cpu_usage": {"total_usage": 2_500_000_000}},
        "memory_stats": {"usage": 900, "max_usage": 1000, "stats": {"total_inactive_file": 300, "inactive_file": 1}},
    }
    assert sample_from_statistics(answer) == Sample(2.5, 900, 300, 1000)


def test_statistics_of_cgroup_v2() -> None:
    answer: dict[str, object] = {
        "cpu_stats": {"cpu_usage": {"total_usage": 1_000_000_000}},
        "memory_stats": {"usage": 900, "stats": {"inactive_file": 200}},
    }
    assert sample_from_statistics(answer) == Sample(1.0, 900, 200, None)


def test_an_ended_container_has_no_statistics() -> None:
    assert sample_from_statistics({"cpu_stats": {"cpu_usage": {}}, "memory_stats": {}}) is None


def test_only_the_time_between_first_frame_and_stop_signal_counts_as_played() -> None:
    meter = Meter(started_s=100).first_frame(102.5).sampled(Sample(1.0, 500, 100)).booted()
    meter = meter.sampled(Sample(6.0, 900, 100)).stopping(112.5).ended(113)
    figures = meter.statistics(999)
    assert (figures.duration_s, figures.boot_s, figures.played_s) == (13, 2.5, 10)
    assert (figures.cpu_seconds, figures.played_cpu_seconds) == (6.0, 5.0)
    assert figures.peak_memory_bytes == 800


def test_a_peak_between_two_samples_is_seen_where_the_kernel_keeps_it() -> None:
    meter = Meter(started_s=0).sampled(Sample(1, 500, 100, 500)).sampled(Sample(1, 500, 100, 2000))
    assert meter.peak_memory_bytes == 1900
    cached = Meter(started_s=0).sampled(Sample(1, 2000, 1500, 2000)).sampled(Sample(1, 2000, 1500, 2000))
    assert cached.peak_memory_bytes == 500


def test_bytes_of_a_pull_are_summed_over_layers() -> None:
    progress = PullProgress()
    assert not progress.learn({"status": "Pulling from games", "id": "1.0"})
    assert progress.total_bytes is None
    assert progress.learn({"id": "a", "status": "Downloading", "progressDetail": {"current": 10, "total": 100}})
    assert progress.learn({"id": "b", "status": "Downloading", "progressDetail": {"current": 5, "total": 50}})
    assert (progress.done_bytes, progress.total_bytes) == (15, 150)
    assert progress.learn({"id": "a", "status": "Download complete"})
    assert (progress.done_bytes, progress.total_bytes) == (105, 150)
    assert not progress.learn({"id": "c", "status": "Already exists"})


def test_unpacking_a_large_layer_is_no_standstill() -> None:
    progress = PullProgress()
    progress.learn({"id": "a", "status": "Downloading", "progressDetail": {"current": 100, "total": 100}})
    for current in (10, 60, 100):
        line = {"id": "a", "status": "Extracting", "progressDetail": {"current": current, "total": 100}}
        assert progress.learn(line)
        assert not progress.learn(line)
    assert (progress.done_bytes, progress.total_bytes) == (100, 100)


def test_signals_are_named_as_people_know_them() -> None:
    for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL):
        assert number.name in left_by_itself(ended(128 + number), (), 1).message
