"""Library codes over HTTP: redeeming one, and what admins do with them."""

from typing import Annotated

from litestar import Controller, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody, QueryParameter

from orchestrator.accounts.account import Account
from orchestrator.accounts.dependencies import provide_account, provide_actor, signed_in, signed_in_as_admin
from orchestrator.audit.recording import Actor
from orchestrator.catalog.controllers import SlugParameter
from orchestrator.catalog.definition import MAX_SLUG_LENGTH, SLUG_PATTERN
from orchestrator.http import AnyRequest, address_of
from orchestrator.library.schemas import (
    AccessAnswer,
    AccessPatch,
    BatchesAnswer,
    CodesAnswer,
    CodesRequest,
    NewCodesAnswer,
    RedeemAnswer,
    RedeemRequest,
    RevokedAnswer,
    batch_view,
    code_view,
    new_codes_answer,
    redeem_answer,
)
from orchestrator.library.service import Library

GameSlug = Annotated[str | None, QueryParameter(name="gameSlug", pattern=SLUG_PATTERN, max_length=MAX_SLUG_LENGTH)]


class LibraryController(Controller):
    path = "/api/library"
    tags = ("library",)
    guards = (signed_in,)
    dependencies = {"account": Provide(provide_account)}

    @post("/redeem", status_code=200, operation_id="redeemCode")
    async def redeem(
        self,
        request: AnyRequest,
        data: JSONBody[RedeemRequest],
        account: NamedDependency[Account],
        library: NamedDependency[Library],
    ) -> RedeemAnswer:
        """Put the game of a code into the library. 400 `code_invalid` whatever is wrong with it; 429 after ten tries in
        a quarter of an hour that did not succeed.
        """
        return redeem_answer(await library.redeem(account, data.code, address_of(request)))


class LibraryAdminController(Controller):
    path = "/api/admin"
    tags = ("admin",)
    guards = (signed_in_as_admin,)
    dependencies = {"actor": Provide(provide_actor)}

    @post("/codes", operation_id="makeCodes")
    async def make_codes(
        self, data: JSONBody[CodesRequest], actor: NamedDependency[Actor], library: NamedDependency[Library]
    ) -> NewCodesAnswer:
        """Make a batch of library codes for a game. They are shown in this answer and never again."""
        made = await library.make_codes(
            data.game_slug, data.count, note=data.note, expires_at=data.expires_at, by=actor
        )
        return new_codes_answer(made.summary, made.codes)

    @get("/codes", operation_id="listCodeBatches")
    async def list_batches(self, library: NamedDependency[Library], game_slug: GameSlug = None) -> BatchesAnswer:
        """Every batch of codes, or those of a game, the newest first."""
        return BatchesAnswer(batches=[batch_view(summary) for summary in await library.batches(game_slug)])

    @get("/codes/{code_id:str}", operation_id="readCodeBatch")
    async def read_batch(self, code_id: FromPath[str], library: NamedDependency[Library]) -> CodesAnswer:
        """The codes of a batch, each by its last characters, with who has redeemed it."""
        return CodesAnswer(codes=[code_view(code) for code in await library.codes(code_id)])

    @delete("/codes/{code_id:str}", status_code=200, operation_id="revokeCodes")
    async def revoke(
        self, code_id: FromPath[str], library: NamedDependency[Library], actor: NamedDependency[Actor]
    ) -> RevokedAnswer:
        """Make a code worthless, or all of a batch, unless it is redeemed already."""
        return RevokedAnswer(revoked=await library.revoke(code_id, by=actor))

    @patch("/games/{slug:str}/access", operation_id="changeGameAccess")
    async def change_access(
        self,
        slug: SlugParameter,
        data: JSONBody[AccessPatch],
        library: NamedDependency[Library],
        actor: NamedDependency[Actor],
    ) -> AccessAnswer:
        """Say whether a game needs a code or is everyone's. Who has redeemed one keeps it."""
        await library.set_access(slug, needs_code=data.needs_code, by=actor)
        return AccessAnswer(game_slug=slug, needs_code=data.needs_code)
