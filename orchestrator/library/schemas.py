"""The wire of library codes: what people redeem, and what admins make and see."""

from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, Field

from orchestrator.catalog.definition import Slug
from orchestrator.http import Flag, Timestamp, Wire
from orchestrator.library.models import LibraryCode
from orchestrator.library.service import MOST_CODES_AT_ONCE, BatchSummary, Redeemed
from orchestrator.plain_text import one_line

MOST_NOTE_CHARACTERS = 100
MOST_CODE_CHARACTERS = 100  # as it may be typed, with gaps


def _note(text: str | None) -> str | None:
    return one_line(text or "", MOST_NOTE_CHARACTERS) or None


Note = Annotated[str | None, AfterValidator(_note)]


class RedeemRequest(Wire):
    code: str = Field(max_length=MOST_CODE_CHARACTERS)


class RedeemAnswer(Wire):
    """`isNew` is false when the game was in the library before. A code that nobody had used is still good then."""

    game_slug: str
    game_title: str
    is_new: bool


class CodesRequest(Wire):
    """Codes to make. `note` is for whoever made them: one line."""

    game_slug: Slug
    count: int = Field(ge=1, le=MOST_CODES_AT_ONCE)
    note: Note = None
    expires_at: AwareDatetime | None = None


class BatchView(Wire):
    id: str
    game_slug: str
    note: str | None
    created_at: Timestamp
    expires_at: Timestamp | None
    codes: int
    redeemed: int
    revoked: int


class NewCodesAnswer(BatchView):
    """The only time that the codes are shown."""

    new_codes: list[str]


class BatchesAnswer(Wire):
    batches: list[BatchView]


class CodeView(Wire):
    """A code by its last four characters."""

    id: str
    ends_with: str
    redeemed_by: str | None
    redeemed_at: Timestamp | None
    revoked_at: Timestamp | None


class CodesAnswer(Wire):
    codes: list[CodeView]


class RevokedAnswer(Wire):
    """How many codes became worthless."""

    revoked: int


class AccessPatch(Wire):
    needs_code: Flag


class AccessAnswer(Wire):
    game_slug: str
    needs_code: bool


def redeem_answer(redeemed: Redeemed) -> RedeemAnswer:
    return RedeemAnswer(game_slug=redeemed.game.slug, game_title=redeemed.game.title, is_new=redeemed.is_new)


def batch_view(summary: BatchSummary) -> BatchView:
    return BatchView(**_of_batch(summary))


def new_codes_answer(summary: BatchSummary, codes: tuple[str, ...]) -> NewCodesAnswer:
    return NewCodesAnswer(**_of_batch(summary), new_codes=list(codes))


def code_view(code: LibraryCode) -> CodeView:
    return CodeView(
        id=code.id,
        ends_with=code.ends_with,
        redeemed_by=code.redeemed_by,
        redeemed_at=code.redeemed_at,
        revoked_at=code.revoked_at,
    )


def _of_batch(summary: BatchSummary) -> dict[str, Any]:
    batch = summary.batch
    return {
        "id": batch.id,
        "game_slug": summary.game.slug,
        "note": batch.note,
        "created_at": batch.created_at,
        "expires_at": batch.expires_at,
        "codes": summary.codes,
        "redeemed": summary.redeemed,
        "revoked": summary.revoked,
    }
