"""The composition root: settings become a running agent, and a signal its orderly end.

The exit code is 0 after an orderly end, 1 when a session had to be killed for want of time, 3 when the orchestrator
does not let this host join or has removed it, which ends its sessions, 4 when what the agent needs is missing.
"""

import asyncio
import contextlib
import os
import random
import signal
import socket
from pathlib import Path

import structlog
from aiohttp import web
from structlog.contextvars import bind_contextvars

from agent_protocol import JoinRequest
from gameserver_agent.agent import AFTER_STOP_S, Agent
from gameserver_agent.backoff import delay_s
from gameserver_agent.clock import OrchestratorClock
from gameserver_agent.errors import (
    ControlPlaneRefusedError,
    ControlPlaneUnreachableError,
    EngineError,
    HostRemovedError,
    StartUpError,
)
from gameserver_agent.evicting import Evicting
from gameserver_agent.host_usage import HostMeter, read_disk
from gameserver_agent.http.app import make_app
from gameserver_agent.identity import DataFolder, Membership, public_key_text
from gameserver_agent.image_uses import ImageUses
from gameserver_agent.images import Images
from gameserver_agent.observing import TABLE
from gameserver_agent.orchestrator_client import HostIdentity, OrchestratorClient
from gameserver_agent.runtime.docker_runtime import DockerRuntime
from gameserver_agent.runtime.port import Runtime
from gameserver_agent.saves.outbox import Outbox
from gameserver_agent.seats.install import SeatRuntime, install
from gameserver_agent.seats.launcher import WorkerCommand, best_launcher
from gameserver_agent.seats.places import SeatPlaces
from gameserver_agent.seats.seat import HostSeats
from gameserver_agent.sessions.container import host_labels
from gameserver_agent.sessions.services import SessionServices
from gameserver_agent.settings import AgentSettings, require_reachable
from gameserver_agent.tasks import cancelled
from metering import Meter
from tracing import CLOSED_WITHIN_S, Tracer, opened

log = structlog.get_logger()
STOP_WITHIN_S = 8.0
_LEFT_WITHIN_S = 0.75
_REQUESTS_ENDED_WITHIN_S = 0.75
ENDS_WITHIN_S = STOP_WITHIN_S + AFTER_STOP_S + _LEFT_WITHIN_S + max(_REQUESTS_ENDED_WITHIN_S, CLOSED_WITHIN_S)
EXIT_ORDERLY, EXIT_UNSTOPPED, EXIT_REFUSED, EXIT_CANNOT_START = 0, 1, 3, 4


async def serve(settings: AgentSettings) -> int:
    """Run until SIGTERM or SIGINT; answers the exit code."""
    ordered_to_end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ordered_to_end.set)
    try:
        return await _serve(settings, ordered_to_end)
    except ControlPlaneRefusedError as error:
        log.error("agent.refused", status=error.status, code=error.code, message=error.message)  # noqa: TRY400 - the operator needs the text, not the stack
        return EXIT_REFUSED
    except StartUpError as error:
        log.error("agent.cannot_start", reason=str(error))  # noqa: TRY400 - as above
        return EXIT_CANNOT_START


async def _serve(settings: AgentSettings, ordered_to_end: asyncio.Event) -> int:
    await asyncio.to_thread(require_reachable, settings)
    listener = _listen(settings.host, settings.port)
    data = await asyncio.to_thread(DataFolder, settings.data)
    runtime = DockerRuntime(settings.docker_host)
    try:
        public_url = settings.public_url or f"http://127.0.0.1:{listener.getsockname()[1]}"
        clock = OrchestratorClock(settings.data / "clock.json")
        async with OrchestratorClient(settings.orchestrator_url, clock.now_s) as client:
            prepared = asyncio.ensure_future(asyncio.to_thread(install, settings.seat_runtime))
            try:
                membership = await _joined(settings, data, client, public_url, ordered_to_end)
                if membership is None:
                    return EXIT_ORDERLY
                seat_runtime = await prepared
            finally:
                await asyncio.gather(prepared, return_exceptions=True)
            client.identity = HostIdentity(membership.host_id, data.private_key())
            storage = await _storage_folder(runtime, settings.data)
            meter = Meter(TABLE)
            bind_contextvars(host=membership.host_id)
            tracer = opened("playhouse-agent", membership.host_id)
            agent = Agent(
                data=data,
                membership=membership,
                client=client,
                clock=clock,
                runtime=runtime,
                meter=HostMeter(storage, settings.seats),
                public_url=public_url,
                metrics=meter,
            )
            outbox = Outbox(settings.data / "unsent", client, agent.incarnation, agent.save_was_sent)
            services = _services(
                settings, membership, runtime, client, clock, outbox, agent, seat_runtime, storage, meter, tracer
            )
            server = web.AppRunner(
                make_app(
                    agent,
                    secret=data.static_secret(),
                    play_url=settings.play_url,
                    now_s=clock.now_s,
                    metrics_token=settings.metrics_token,
                ),
                access_log=None,
                handler_cancellation=True,
                shutdown_timeout=_REQUESTS_ENDED_WITHIN_S,
            )
            await server.setup()
            try:
                await web.SockSite(server, listener).start()
                log.info("agent.started", host=membership.host_id, port=listener.getsockname()[1], url=public_url)
                return await _run(agent, services, outbox, settings, ordered_to_end)
            finally:
                await asyncio.gather(server.cleanup(), asyncio.to_thread(tracer.close))
    finally:
        listener.close()
        await runtime.close()
        data.close()


async def _run(
    agent: Agent, services: SessionServices, outbox: Outbox, settings: AgentSettings, ordered_to_end: asyncio.Event
) -> int:
    async def work() -> None:
        await agent.adopt(services)
        await agent.run(outbox)

    working = asyncio.ensure_future(work())
    waiting = asyncio.ensure_future(ordered_to_end.wait())
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            try:
                working.result()
            except HostRemovedError:  # its sessions' saves wait in the outbox
                all_stopped = await agent.stop_sessions(STOP_WITHIN_S)
                log.info("agent.sessions_stopped", all_stopped=all_stopped)
                raise
        if settings.stop_sessions_on_exit:
            all_stopped = await agent.stop_sessions(STOP_WITHIN_S)
            log.info("agent.sessions_stopped", all_stopped=all_stopped)
            return EXIT_ORDERLY if all_stopped else EXIT_UNSTOPPED
        return EXIT_ORDERLY
    finally:
        await cancelled(working)
        await cancelled(waiting)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEFT_WITHIN_S):
                await agent.leave()
        log.info("agent.left")


async def _joined(
    settings: AgentSettings,
    data: DataFolder,
    client: OrchestratorClient,
    public_url: str,
    ordered_to_end: asyncio.Event,
) -> Membership | None:
    """Who we are, joining if need be and for as long as it takes. None when ordered to end meanwhile."""
    membership = data.membership()
    if membership is not None:
        return membership
    request = JoinRequest(
        token=await asyncio.to_thread(settings.join_token),
        name=settings.name,
        public_key=public_key_text(data.private_key()),
        public_url=public_url,
        labels=settings.labels,
    )
    failures = 0
    while not ordered_to_end.is_set():
        try:
            answer = await client.join(request)
        except ControlPlaneUnreachableError:
            failures += 1
            try:
                async with asyncio.timeout(delay_s(failures, random.random, most_s=5)):
                    await ordered_to_end.wait()
            except TimeoutError:
                continue
        else:
            membership = Membership(answer.host_id, answer.installation, answer.keys)
            data.remember(membership)
            log.info("agent.joined", host=answer.host_id, installation=answer.installation)
            return membership
    return None


def _services(
    settings: AgentSettings,
    membership: Membership,
    runtime: Runtime,
    client: OrchestratorClient,
    clock: OrchestratorClock,
    outbox: Outbox,
    agent: Agent,
    seat_runtime: SeatRuntime,
    storage: Path,
    meter: Meter,
    tracer: Tracer,
) -> SessionServices:
    uses = ImageUses(settings.data / "images.json")
    evicting = Evicting(
        runtime, uses=uses, wanted=agent.wanted_images, spare=agent.spare_images, disk=lambda: read_disk(storage)
    )
    launcher = best_launcher(WorkerCommand(seat_runtime), os.environ)
    return SessionServices(
        runtime=runtime,
        images=Images(runtime, uses=uses, evicting=evicting, now_s=clock.now_s, meter=meter),
        evicting=evicting,
        seats=HostSeats(SeatPlaces(settings.seat_folders, membership.host_id), launcher),
        downloads=client,
        pictures=client,
        outbox=outbox,
        data=settings.data,
        interpreter=seat_runtime.interpreter,
        ours=host_labels(membership.installation, membership.host_id),
        changed=agent.changed,
        ice_addresses=settings.ice_addresses,
        udp_ports=settings.udp_ports,
        public_address=settings.public_ip,
        bitrate_bps=settings.bitrate_bps,
        now=clock.now,
        meter=meter,
        tracer=tracer,
    )


async def _storage_folder(runtime: Runtime, otherwise: Path) -> Path:
    try:
        return Path((await runtime.info()).storage_folder)
    except EngineError:
        return otherwise


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=128)
    except OSError as error:
        raise StartUpError(f"cannot listen on {host}:{port}: {error.strerror}") from error
