"""From rows to bodies."""

from collections.abc import Sequence

from orchestrator.catalog.models import Build
from orchestrator.pictures.faults import Fault, words_for
from orchestrator.pictures.models import GamePicture, PictureState
from orchestrator.pictures.showing import address_of
from orchestrator.publishers.games import Cached, OwnedGame
from orchestrator.publishers.keys import NewKey
from orchestrator.publishers.models import PublishedGame, Publisher, PublisherKey, Upload
from orchestrator.publishers.schemas import (
    CacheStatus,
    GameStatistics,
    GameVersionView,
    KeyView,
    MadeKey,
    PictureView,
    PublisherGame,
    PublisherGameDetails,
    PublisherView,
    Reason,
    UploadView,
    VersionFigures,
)
from orchestrator.publishers.status import UploadState
from orchestrator.publishers.versions import BuildFigures, mean_boot_s


def entry(found: OwnedGame) -> PublisherGame:
    game = found.game
    return PublisherGame(
        id=game.id,
        slug=game.slug,
        title=game.title,
        developer=game.developer,
        tags=game.tags,
        status=found.status,
        created_at=game.created_at,
        updated_at=found.published.updated_at,
    )


def details(found: OwnedGame, cached: Cached, pictures: Sequence[GamePicture]) -> PublisherGameDetails:
    game, published = found.game, found.published
    return PublisherGameDetails.model_validate(
        {
            **entry(found).model_dump(),
            "description": game.description,
            "launcher": published.launcher,
            "renpy_dir": published.renpy_dir,
            "save_paths": published.save_paths,
            "thumbnail": game.thumbnail,
            "screenshots": game.screenshots,
            "pictures": [picture(row) for row in pictures],
            "release_date": game.release_date,
            "content_rating": game.content_rating,
            "languages": game.languages,
            "cache_status": CacheStatus(servers=cached.servers, cached=cached.cached),
            "version_id": published.active_build_id,
            "upload": upload(found.newest, game.slug) if found.newest else None,
            "reason": published.suspended_because,
        }
    )


def picture(row: GamePicture) -> PictureView:
    state = PictureState(row.state)
    told = words_for(Fault(row.fault), row.status) if row.fault else None
    return PictureView(
        url=row.url,
        state=state,
        address=address_of(row.id) if state is PictureState.STORED else None,
        reason=Reason(code=row.fault, message=told) if row.fault and told else None,
        tries=row.tries,
        next_try_at=row.due_at if state is PictureState.WAITING else None,
    )


def upload(row: Upload, slug: str) -> UploadView:
    is_open = row.state == UploadState.RECEIVING
    return UploadView(
        id=row.id,
        state=UploadState(row.state),
        version=row.version,
        size_bytes=row.size_bytes,
        received_bytes=row.received_bytes,
        digest=row.digest,
        reasons=[Reason.model_validate(reason) for reason in row.reasons],
        version_id=row.build_id,
        url=f"/api/partners/games/{slug}/uploads/{row.id}" if is_open and row.size_bytes is not None else None,
        created_at=row.created_at,
        updated_at=row.changed_at,
    )


def publisher(row: Publisher) -> PublisherView:
    return PublisherView(id=row.id, name=row.name, created_at=row.created_at)


def key(row: PublisherKey) -> KeyView:
    return KeyView(
        id=row.id,
        hint=row.hint,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )


def made(new: NewKey) -> MadeKey:
    return MadeKey(publisher_id=new.publisher.id, key_id=new.key.id, key=new.secret)


def version(build: Build, published: PublishedGame) -> GameVersionView:
    return GameVersionView(
        id=build.id,
        number=build.number,
        version=build.version,
        is_active=build.id == published.active_build_id,
        image_id=build.image_id,
        size_bytes=build.build_spec.size_bytes or sum(build.build_spec.layers.values()),
        created_at=build.created_at,
    )


def statistics(figures: Sequence[BuildFigures]) -> GameStatistics:
    return GameStatistics(
        sessions=sum(each.sessions for each in figures),
        hours=_hours(sum(each.seconds for each in figures)),
        crashes=sum(each.crashes for each in figures),
        boot_seconds=mean_boot_s(figures),
        versions=[
            VersionFigures(
                version_id=each.build.id,
                version=each.build.version,
                sessions=each.sessions,
                hours=_hours(each.seconds),
                crashes=each.crashes,
                boot_seconds=each.boot_s,
            )
            for each in figures
        ],
    )


def _hours(seconds: float) -> float:
    return round(seconds / 3600, 3)
