"""The engine's images as the orchestrator is told of them: which are ours, and which of those may be dropped. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime

from agent_protocol import HostImage
from gameserver_agent.eviction import CachedImage
from gameserver_agent.image_uses import ImageUses
from gameserver_agent.runtime.port import Image

MOST_REPORTED = 200


def reported(images: Iterable[Image], uses: ImageUses) -> tuple[HostImage, ...]:
    """What the orchestrator is told of the engine's images: all of ours, then others up to `MOST_REPORTED`. Ours carry
    a label of ours, are tagged below `playhouse/`, or were wanted by a build.
    """
    ours: list[Image] = []
    others: list[Image] = []
    for image in images:
        (ours if _is_ours(image, uses) else others).append(image)
    return tuple(_reported(image, uses) for image in (*ours, *others[: max(0, MOST_REPORTED - len(ours))]))


def cached(image: Image, uses: ImageUses) -> CachedImage:
    """As `eviction` sees it. What may go is ours, a registry has it, and nobody gave it a name that is not ours."""
    has_our_names_alone = all(_is_our_name(name) for name in image.names)
    return CachedImage(
        image_id=image.image_id,
        size_bytes=image.size_bytes,
        last_used_s=uses.last_used_s(image.image_id) or 0.0,
        is_ours_to_drop=bool(image.manifest_digests) and _is_ours(image, uses) and has_our_names_alone,
    )


def repository_of(image: str) -> str:
    """`registry:5000/name:tag@sha256:…` without tag and digest."""
    name = image.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(":")[0]


def _is_ours(image: Image, uses: ImageUses) -> bool:
    is_labelled = any(label.startswith("playhouse.") for label in image.labels)
    is_tagged = any(_is_our_name(name) for name in image.names)
    return is_tagged or is_labelled or uses.last_used_s(image.image_id) is not None


def _is_our_name(name: str) -> bool:
    return "playhouse" in repository_of(name).split("/")[:-1]


def _reported(image: Image, uses: ImageUses) -> HostImage:
    last_used_s = uses.last_used_s(image.image_id)
    return HostImage(
        image_id=image.image_id,
        manifest_digest=image.manifest_digests[0] if image.manifest_digests else None,
        size_bytes=image.size_bytes,
        last_used_at=datetime.fromtimestamp(last_used_s, UTC) if last_used_s else None,
    )
