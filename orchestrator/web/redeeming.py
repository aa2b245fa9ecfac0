"""The page on which a library code is redeemed where there is no JavaScript: a plain form, and what became of it."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter
from litestar.response import Redirect, Template

from orchestrator.catalog.definition import MAX_SLUG_LENGTH
from orchestrator.catalog.service import Catalog
from orchestrator.errors import ApiError, InvalidRequest, NotFound, RateLimited
from orchestrator.http import AnyRequest, address_of, read_fields
from orchestrator.library.schemas import MOST_CODE_CHARACTERS
from orchestrator.library.service import Library
from orchestrator.web.visit import Visit, provide_visit

_FAILURES = {
    "CodeInvalid": "This code does not work. It may have a typing error, or it was used, taken back or is too old.",
    "RateLimited": "Too many tries. Wait a quarter of an hour, then try again.",
    "MissingCSRF": "The page was open for too long. Please try again.",
}
_UNKNOWN_FAILURE = "That did not work. Please try again."
_ERRORS: dict[type[ApiError], str] = {InvalidRequest: "CodeInvalid", RateLimited: "RateLimited"}

ErrorCode = Annotated[str | None, QueryParameter(name="error", max_length=100)]
RedeemedSlug = Annotated[str | None, QueryParameter(name="redeemed", max_length=MAX_SLUG_LENGTH)]


class RedeemPageController(Controller):
    path = "/redeem"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit)}

    @get()
    async def page(
        self,
        visit: NamedDependency[Visit],
        catalog: NamedDependency[Catalog],
        failure: ErrorCode = None,
        slug: RedeemedSlug = None,
    ) -> Template | Redirect:
        """The form; after a code has worked, also the game that it was for."""
        if visit.account is None:
            return visit.to_sign_in()
        redeemed = None
        if slug is not None:
            try:
                listed = await catalog.get_game(slug, visit.account)
            except NotFound:
                listed = None
            redeemed = listed.game if listed is not None and listed.in_library else None
        words = _FAILURES.get(failure, _UNKNOWN_FAILURE) if failure else None
        return visit.page("redeem.html", failure=words, redeemed=redeemed)

    @post()
    async def redeem(
        self, request: AnyRequest, visit: NamedDependency[Visit], library: NamedDependency[Library]
    ) -> Redirect:
        """Back to the page, which says whether it worked."""
        if visit.account is None:
            return visit.to_sign_in()
        fields = await read_fields(request)
        if not visit.has_csrf_token(fields.get("csrfToken")):
            return _back("error=MissingCSRF")
        code = fields.get("code")
        text = code[:MOST_CODE_CHARACTERS] if isinstance(code, str) else ""
        try:
            redeemed = await library.redeem(visit.account, text, address_of(request))
        except (InvalidRequest, RateLimited) as error:
            return _back(f"error={_ERRORS[type(error)]}")
        return _back(f"redeemed={redeemed.game.slug}")


def _back(query: str) -> Redirect:
    return Redirect(f"/redeem?{query}", status_code=302)
