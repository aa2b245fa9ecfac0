"""Where a game's image comes from: the engine at hand, a registry that has it, or one that it is pushed to.

It puts `images` and `registry` together; the catalogue gets one `EngineImage` whatever the way.
"""

import asyncio
from dataclasses import replace

from orchestrator.catalog.definition import GameDefinition, InvalidDefinition
from orchestrator.catalog.images import EngineImage, ImageUnavailable, inspect_image, push_image
from orchestrator.catalog.references import ImageReference, InvalidReference, parse_reference
from orchestrator.catalog.registry import resolve


async def image_of(
    definition: GameDefinition,
    *,
    push_to: str | None = None,
    registry: str | None = None,
    insecure: tuple[str, ...] = (),
    docker_host: str | None = None,
) -> EngineImage:
    """The image of a definition.

    With `push_to` (`registry/repository`) it is pushed there. An image whose name says a registry is looked up in it,
    and needs no engine; only when that registry does not show it, the engine is asked. Any other is the engine's, and
    with a `registry` (`host:port/prefix`) it is pushed below that prefix, under the game's slug. Raises
    `ImageUnavailable` and `InvalidDefinition`.
    """
    try:
        named = parse_reference(definition.build.image)
        if push_to is None and named.registry is None and registry is not None:
            push_to = f"{registry}/{definition.slug}"
        target = None if push_to is None else parse_reference(push_to)
    except InvalidReference as error:
        raise InvalidDefinition(str(error)) from error
    if target is not None:
        if target.registry is None:
            raise InvalidDefinition(f"{push_to}: say the registry, such as registry.example:5000/{push_to}")
        target = target.tagged(target.tag or definition.build.version)
        return await _pushed(definition.build.image, target, insecure, docker_host)
    if named.registry is None:
        return await asyncio.to_thread(inspect_image, definition.build.image, docker_host)
    try:
        return await _resolved(named, insecure)
    except ImageUnavailable as error:
        try:
            return await asyncio.to_thread(inspect_image, definition.build.image, docker_host)
        except ImageUnavailable:
            raise error from None


async def _pushed(
    image: str, target: ImageReference, insecure: tuple[str, ...], docker_host: str | None
) -> EngineImage:
    here = await asyncio.to_thread(inspect_image, image, docker_host)
    digest = await asyncio.to_thread(push_image, image, target, docker_host)
    there = await _resolved(replace(target, digest=digest), insecure)
    if there.image_id != here.image_id:
        raise ImageUnavailable(f"{target.registry} keeps another image under {target} than the one that was pushed.")
    return replace(there, size_bytes=here.size_bytes)


async def _resolved(reference: ImageReference, insecure: tuple[str, ...]) -> EngineImage:
    found = await resolve(reference, insecure=insecure)
    # A tag may move: what was looked up is what is pulled.
    name = str(replace(reference, digest=None))
    return EngineImage(found.image_id, None, name, found.manifest_digest, found.layers)
