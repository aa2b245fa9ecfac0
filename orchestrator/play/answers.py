"""What is told of sessions, as models of the wire. Nothing is decided here."""

from collections.abc import Sequence

from orchestrator.play.lifecycle import FINAL, Position, life_is_connectable, phase_of, status_of
from orchestrator.play.models import Session, life_of
from orchestrator.play.reasons import End, next_step
from orchestrator.play.relays import IceServer
from orchestrator.play.schemas import ErrorView, Figures, ProgressView, Relocation, SaveUse, StatusAnswer
from orchestrator.play.service import SessionView
from orchestrator.play.stream_access import StreamAccess


def status_answer(
    view: SessionView, stream_access: StreamAccess, origin: str, name: str, ice_servers: Sequence[IceServer]
) -> StatusAnswer:
    """How a session stands, for the page of its player that reached us at `origin`."""
    row, life = view.row, life_of(view.row)
    address = stream_access.address(view.host, row.id, origin) if view.host else None
    can_connect = row.is_seat_ready and life_is_connectable(life) and view.host is not None
    progress = row.progress
    return StatusAnswer(
        session_id=row.id,
        revision=view.revision,
        status=status_of(life.position),
        server_url=address.server_url if address else None,
        container_url=address.container_url if address and can_connect else None,
        game_title=view.game_title,
        started_at=row.created_at,
        game_slug=view.game_slug,
        phase=phase_of(life.position),
        progress=ProgressView(done=progress["done"], total=progress["total"], unit=progress["unit"])
        if progress
        else None,
        queue_position=view.queue_position,
        stream_token=stream_access.token(view.host, row, view.now, name) if can_connect and view.host else None,
        ice_servers=list(ice_servers),
        expires_at=life.expires_at,
        ends_at=life.ends_at,
        paused=row.is_paused,
        host_silent=row.is_host_silent,
        save=None
        if row.save_used_bytes is None
        else SaveUse(used_bytes=row.save_used_bytes, limit_bytes=view.save_limit_bytes),
        relocation=_relocation(row) if life.position is Position.RUNNING else None,
        error=end_view(life.end),
        statistics=figures_of(row) if life.position in FINAL else None,
    )


def _relocation(row: Session) -> Relocation | None:
    if row.left_at is None:
        return None
    from_at = row.resumed_from_at
    lost_s = None if from_at is None else max(0.0, round((row.left_at - from_at).total_seconds(), 1))
    return Relocation(left_at=row.left_at, resumed_from_at=from_at, lost_seconds=lost_s)


def end_view(end: End | None) -> ErrorView | None:
    """Why it is over, and what to do next."""
    if end is None:
        return None
    return ErrorView(
        code=end.code,
        message=end.message,
        by=end.by.value,
        next_step=next_step(end.code),
        log_tail=list(end.log_tail),
    )


def figures_of(row: Session) -> Figures:
    """What it used."""
    return Figures(
        duration=None if row.duration_s is None else round(row.duration_s),
        cpu_seconds=None if row.cpu_seconds is None else round(row.cpu_seconds, 1),
        peak_memory_mb=None if row.peak_memory_bytes is None else round(row.peak_memory_bytes / 2**20),
    )
