"""`/api/admin/publishers`, what an operator may do with a publisher's game, and a publisher's own keys. HTTP only."""

from datetime import timedelta
from typing import Annotated

from litestar import Controller, delete, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, PathParameter

from orchestrator.accounts.dependencies import provide_actor, signed_in_as_admin
from orchestrator.audit.recording import Actor
from orchestrator.publishers import views
from orchestrator.publishers.controllers import SlugParameter
from orchestrator.publishers.dependencies import provide_publisher, provide_publisher_actor, with_key
from orchestrator.publishers.games import PublishedGames
from orchestrator.publishers.keys import PublisherKeys
from orchestrator.publishers.models import Publisher
from orchestrator.publishers.schemas import (
    MadeKey,
    PublisherDetails,
    PublisherForm,
    PublisherList,
    Rotation,
    Suspension,
    SuspensionState,
)

Id = Annotated[str, PathParameter(pattern=r"^[0-9a-z]+$", max_length=40)]


class PublisherAdminController(Controller):
    path = "/api/admin"
    tags = ("admin",)
    guards = (signed_in_as_admin,)
    dependencies = {"actor": Provide(provide_actor)}

    @get("/publishers", operation_id="listPublishers")
    async def list_publishers(self, publisher_keys: NamedDependency[PublisherKeys]) -> PublisherList:
        """Every publisher, by name."""
        return PublisherList(publishers=[views.publisher(row) for row in await publisher_keys.list()])

    @post("/publishers", status_code=201, operation_id="createPublisher")
    async def create_publisher(
        self,
        data: JSONBody[PublisherForm],
        publisher_keys: NamedDependency[PublisherKeys],
        actor: NamedDependency[Actor],
    ) -> MadeKey:
        """A new publisher with its first key, which is shown this once. 409 `name_taken`."""
        return views.made(await publisher_keys.create(data.name, by=actor))

    @get("/publishers/{publisher_id:str}", operation_id="readPublisher")
    async def read_publisher(
        self, publisher_id: Id, publisher_keys: NamedDependency[PublisherKeys]
    ) -> PublisherDetails:
        """A publisher with the keys, each by how it begins."""
        publisher, keys = await publisher_keys.keys_of(publisher_id)
        return PublisherDetails(
            id=publisher.id, name=publisher.name, created_at=publisher.created_at, keys=[views.key(key) for key in keys]
        )

    @post("/publishers/{publisher_id:str}/keys", status_code=201, operation_id="rotatePublisherKey")
    async def rotate_key(
        self,
        publisher_id: Id,
        data: JSONBody[Rotation],
        publisher_keys: NamedDependency[PublisherKeys],
        actor: NamedDependency[Actor],
    ) -> MadeKey:
        """A new key; those before it stay good for `graceHours`."""
        return views.made(await publisher_keys.rotate(publisher_id, timedelta(hours=data.grace_hours), by=actor))

    @delete("/publishers/{publisher_id:str}/keys/{key_id:str}", status_code=204, operation_id="revokePublisherKey")
    async def revoke_key(
        self,
        publisher_id: Id,
        key_id: Id,
        publisher_keys: NamedDependency[PublisherKeys],
        actor: NamedDependency[Actor],
    ) -> None:
        """It works no longer, at once."""
        await publisher_keys.revoke(publisher_id, key_id, by=actor)

    @put("/games/{slug:str}/suspension", operation_id="suspendGame")
    async def suspend(
        self,
        slug: SlugParameter,
        data: JSONBody[Suspension],
        published_games: NamedDependency[PublishedGames],
        actor: NamedDependency[Actor],
    ) -> SuspensionState:
        """Nobody can launch a publisher's game any more; who plays it plays on."""
        status = await published_games.set_suspended(slug, data.reason, by=actor)
        return SuspensionState(slug=slug, status=status.value)

    @delete("/games/{slug:str}/suspension", status_code=200, operation_id="resumeGame")
    async def resume(
        self, slug: SlugParameter, published_games: NamedDependency[PublishedGames], actor: NamedDependency[Actor]
    ) -> SuspensionState:
        """It can be played again."""
        status = await published_games.set_suspended(slug, None, by=actor)
        return SuspensionState(slug=slug, status=status.value)


class OwnKeysController(Controller):
    path = "/api/partners/keys"
    tags = ("Publishers",)
    guards = (with_key,)
    dependencies = {"publisher": Provide(provide_publisher), "actor": Provide(provide_publisher_actor)}

    @get(operation_id="listOwnKeys")
    async def list_keys(
        self, publisher_keys: NamedDependency[PublisherKeys], publisher: NamedDependency[Publisher]
    ) -> PublisherDetails:
        """The publisher whose key this is, and its keys."""
        found, keys = await publisher_keys.keys_of(publisher.id)
        return PublisherDetails(
            id=found.id, name=found.name, created_at=found.created_at, keys=[views.key(key) for key in keys]
        )

    @post("/rotate", status_code=201, operation_id="rotateOwnKey")
    async def rotate_own_key(
        self,
        data: JSONBody[Rotation],
        publisher_keys: NamedDependency[PublisherKeys],
        publisher: NamedDependency[Publisher],
        actor: NamedDependency[Actor],
    ) -> MadeKey:
        """A new key, shown this once; those before it, this one too, stay good for `graceHours`."""
        return views.made(await publisher_keys.rotate(publisher.id, timedelta(hours=data.grace_hours), by=actor))
