"""`gameserver-agent`: the command line of the daemon. It reads options and starts; everything else is elsewhere.

Each option of `run` may be given in the environment instead: `--udp-ports` as `GAMESERVER_AGENT_UDP_PORTS`, what is
repeatable with spaces between.
"""

import asyncio
import ipaddress
import os
import socket
import sys
from pathlib import Path

import click

from gameserver_agent import settings as defaults
from gameserver_agent.logging import configure_logging
from gameserver_agent.settings import AgentSettings

PORTS_PER_SEAT = 12  # a player and eight watchers, and some that are just leaving


@click.group()
@click.version_option(package_name="playhouse")
def main() -> None:
    """Run games for a Playhouse orchestrator on this machine."""


@main.command(context_settings={"auto_envvar_prefix": "GAMESERVER_AGENT"})
@click.option("--orchestrator", "orchestrator_url", required=True, help="Where the orchestrator answers.")
@click.option("--orchestrator-public-url", default=None, help="Where players open it, when that is another URL.")
@click.option("--token", default=None, help="One-time token of `orchestrator hosts token`; needed once. `ps` shows it.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),  # a host that has joined does not look at it
    default=None,
    help="The same in a file, or in PLAYHOUSE_HOST_TOKEN: nobody else on this machine sees it.",
)
@click.option("--host", default="0.0.0.0", show_default=True, help="Address to listen on.")  # noqa: S104 - players
@click.option("--port", type=click.IntRange(0, 65535), default=9100, show_default=True, help="0 takes a free one.")
@click.option("--public-url", default=None, help="Where players reach this agent; needed on another machine.")
@click.option("--docker-host", default=None, help="The Docker Engine, unix://… or tcp://…")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), default=None, help="The agent's own folder.")
@click.option(
    "--seat-folders",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Folder of the seats that live: sockets, settings and logs.",
)
@click.option(
    "--seat-runtime",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Folder of what seats run from, one folder a version; every user must be able to enter it.",
)
@click.option("--name", default=socket.gethostname, show_default="host name")
@click.option(
    "--seats",
    type=click.IntRange(1, 1000),
    default=None,
    help="Most sessions at a time; default 2 a core, as far as the UDP ports reach.",
)
@click.option(
    "--ice-address",
    "ice_addresses",
    multiple=True,
    help="Address that players reach; repeatable. Default: all of this machine's.",
)
@click.option("--udp-ports", metavar="FIRST-LAST", help="UDP ports of all streams, at least 12 a seat. Default: any.")
@click.option("--public-ip", metavar="ADDRESS", help="The address that a router passes on to this machine (NAT 1:1).")
@click.option("--bitrate", "bitrate_bps", type=click.IntRange(200_000, 100_000_000), default=8_000_000)
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="For placement; repeatable.")
@click.option("--stop-sessions-on-exit", is_flag=True, help="End games with their saves instead of leaving them.")
@click.option(
    "--metrics-token-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    help="What Prometheus on another machine brings as bearer token to read /metrics.",
)
@click.option("--verbose", is_flag=True)
def run(
    *,
    orchestrator_url: str,
    orchestrator_public_url: str | None,
    token: str | None,
    token_file: Path | None,
    host: str,
    port: int,
    public_url: str | None,
    docker_host: str | None,
    data: Path | None,
    seat_folders: Path | None,
    seat_runtime: Path | None,
    name: str,
    seats: int | None,
    ice_addresses: tuple[str, ...],
    udp_ports: str | None,
    public_ip: str | None,
    bitrate_bps: int,
    labels: tuple[str, ...],
    stop_sessions_on_exit: bool,
    metrics_token_file: Path | None,
    verbose: bool,
) -> None:
    """Join if needed, then run the sessions that the orchestrator wants here, until SIGTERM."""
    from gameserver_agent.service import serve  # noqa: PLC0415 - `--help` must not load the engine's SDK

    configure_logging(verbose=verbose)
    ports = None if udp_ports is None else _port_range(udp_ports, seats or 1)
    settings = AgentSettings(
        orchestrator_url=orchestrator_url,
        play_url=orchestrator_public_url or orchestrator_url,
        token=token or os.environ.get("PLAYHOUSE_HOST_TOKEN") or None,
        host=host,
        port=port,
        public_url=public_url,
        docker_host=docker_host or defaults.default_docker_host(),
        data=(data or defaults.default_data()).absolute(),
        seat_folders=(seat_folders or defaults.default_seat_folders()).absolute(),
        seat_runtime=(seat_runtime or defaults.default_seat_runtime()).absolute(),
        name=name[:100],
        seats=seats or _usual_seats(ports),
        ice_addresses=ice_addresses,
        udp_ports=ports,
        public_ip=None if public_ip is None else _address(public_ip),
        bitrate_bps=bitrate_bps,
        labels=_labels(labels),
        stop_sessions_on_exit=stop_sessions_on_exit,
        metrics_token="" if metrics_token_file is None else metrics_token_file.read_text().strip(),
        token_file=token_file,
    )
    sys.exit(asyncio.run(serve(settings)))


@main.command(context_settings={"auto_envvar_prefix": "GAMESERVER_AGENT"})
@click.option("--orchestrator", "orchestrator_url", required=True, help="Where the orchestrator answers.")
@click.option("--host", default="0.0.0.0", show_default=True, help="Address that the agent listens on.")  # noqa: S104 - as above
@click.option("--port", type=click.IntRange(1, 65535), default=9100, show_default=True)
@click.option("--public-url", default=None, help="Where players reach the agent.")
@click.option("--docker-host", default=None, help="The Docker Engine, unix://… or tcp://…")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), default=None, help="The agent's own folder.")
@click.option("--seat-runtime", type=click.Path(path_type=Path, file_okay=False), default=None)
@click.option("--udp-ports", metavar="FIRST-LAST", help="UDP ports of all streams.")
def doctor(
    *,
    orchestrator_url: str,
    host: str,
    port: int,
    public_url: str | None,
    docker_host: str | None,
    data: Path | None,
    seat_runtime: Path | None,
    udp_ports: str | None,
) -> None:
    """Look at all that games need on this host; exit code 1 when something is broken. Give it what `run` is given."""
    from diagnosis import exit_code, told  # noqa: PLC0415 - `run` needs none of it
    from gameserver_agent.doctor.gathering import Asked, gather  # noqa: PLC0415 - no other command needs it
    from gameserver_agent.doctor.rules import findings  # noqa: PLC0415 - as above

    asked = Asked(
        orchestrator_url=orchestrator_url,
        docker_host=docker_host or defaults.default_docker_host(),
        data=(data or defaults.default_data()).absolute(),
        seat_runtime=(seat_runtime or defaults.default_seat_runtime()).absolute(),
        host=host,
        port=port,
        public_url=None if public_url is None else public_url.rstrip("/"),
        udp_ports=None if udp_ports is None else _port_range(udp_ports, 1),
    )
    found = findings(asyncio.run(gather(asked)))
    for line in told(found):
        click.echo(line)
    sys.exit(exit_code(found))


def _labels(pairs: tuple[str, ...]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise click.BadParameter(f"{pair!r} is not NAME=VALUE", param_hint="--label")
        labels[name] = value
    return labels


def _port_range(text: str, seats: int) -> tuple[int, int]:
    first, separator, last = text.partition("-")
    if not (separator and first.isdecimal() and last.isdecimal() and 0 < int(first) <= int(last) < 65536):
        raise click.BadParameter(f"{text!r} is not FIRST-LAST", param_hint="--udp-ports")
    if int(last) - int(first) + 1 < PORTS_PER_SEAT * seats:
        raise click.BadParameter(f"{seats} seats need {PORTS_PER_SEAT * seats} ports", param_hint="--udp-ports")
    return int(first), int(last)


def _usual_seats(ports: tuple[int, int] | None) -> int:
    usual = 2 * len(os.sched_getaffinity(0))
    return usual if ports is None else min(usual, (ports[1] - ports[0] + 1) // PORTS_PER_SEAT)


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no IP address", param_hint="--public-ip") from error


if __name__ == "__main__":
    main()
