"""What a letter is for, over HTTP: `/api/auth/*` for whoever has its secret, `/api/account/*` for whoever wants one."""

from litestar import Controller, post
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody

from orchestrator.accounts.account import Account
from orchestrator.accounts.dependencies import provide_account, signed_in
from orchestrator.accounts.recovery import Recovery
from orchestrator.accounts.schemas import Confirmation, PasswordReset, ResetRequest
from orchestrator.http import AnyRequest, address_of


class RecoveryController(Controller):
    path = "/api/auth"
    tags = ("Authentication",)

    @post("/forgot-password", status_code=204, operation_id="forgotPassword")
    async def forgot_password(
        self, request: AnyRequest, data: JSONBody[ResetRequest], recovery: NamedDependency[Recovery]
    ) -> None:
        """A letter with a link for a new password goes to the address if an account has it, which is not said."""
        await recovery.ask_for_reset(data.email, address=address_of(request))

    @post("/reset-password", status_code=204, operation_id="resetPassword")
    async def reset_password(
        self, request: AnyRequest, data: JSONBody[PasswordReset], recovery: NamedDependency[Recovery]
    ) -> None:
        """Choose a new password with the token of a letter: good once, for an hour, else 400 `invalid_token`. One
        that is easy to guess is refused with 400 `guessable_password`. Every device is signed out.
        """
        await recovery.reset(data.token, data.password, address=address_of(request))

    @post("/confirm-email", status_code=204, operation_id="confirmEmail")
    async def confirm_email(
        self, request: AnyRequest, data: JSONBody[Confirmation], recovery: NamedDependency[Recovery]
    ) -> None:
        """Prove an e-mail address with the token of a letter: good once, for three days, else 400 `invalid_token`.
        Where another address was asked for, it becomes the account's.
        """
        await recovery.verify(data.token, address=address_of(request))


class ConfirmationController(Controller):
    path = "/api/account"
    tags = ("account",)
    guards = (signed_in,)
    dependencies = {"account": Provide(provide_account)}

    @post("/confirmation", status_code=204, operation_id="askForConfirmation")
    async def ask(
        self, request: AnyRequest, account: NamedDependency[Account], recovery: NamedDependency[Recovery]
    ) -> None:
        """Another letter to prove one's e-mail address; nothing when that is proven already."""
        await recovery.ask_for_verification(account, address=address_of(request))
