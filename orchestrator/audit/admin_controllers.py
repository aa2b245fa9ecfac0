"""`/api/admin/audit`: what operators did. HTTP only."""

from typing import Annotated

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from orchestrator.accounts.account import MOST_EMAIL_CHARACTERS
from orchestrator.accounts.dependencies import signed_in_as_admin
from orchestrator.audit.log import AuditLog, Question
from orchestrator.audit.schemas import AuditAnswer, event_view

Word = Annotated[str, QueryParameter(max_length=MOST_EMAIL_CHARACTERS, pattern=r"^[^\x00]*$")]
Page = Annotated[int, QueryParameter(ge=1, le=1_000_000)]
Limit = Annotated[int, QueryParameter(ge=1, le=100)]


class AuditController(Controller):
    path = "/api/admin/audit"
    tags = ("admin",)
    guards = (signed_in_as_admin,)

    @get("/", operation_id="readAuditLog")
    async def events(
        self,
        audit_log: NamedDependency[AuditLog],
        actor: Word = "",
        action: Word = "",
        subject: Word = "",
        page: Page = 1,
        limit: Limit = 50,
    ) -> AuditAnswer:
        """What operators and publishers' keys changed, of a year. `actor` is an id, an account's e-mail address or
        `command-line`; `action` a word of the log such as `host.drain`; `subject` what it was done to, by id, slug or
        e-mail address.
        """
        found = await audit_log.page(Question(actor, action, subject, page, limit))
        return AuditAnswer(events=[event_view(entry) for entry in found.entries], total=found.total)
