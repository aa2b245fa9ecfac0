"""`/api/account`: what a person sees and changes of the own account. HTTP only."""

from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody
from litestar.response import Stream

from orchestrator.accounts.account import SignedIn
from orchestrator.accounts.cookies import session_cookie
from orchestrator.accounts.dependencies import provide_required_sign_in, signed_in
from orchestrator.accounts.export import Export
from orchestrator.accounts.my_account import MyAccount
from orchestrator.accounts.recovery import Recovery
from orchestrator.accounts.schemas import (
    AccountPatch,
    AccountView,
    Deletion,
    DevicesAnswer,
    EmailChange,
    PasswordChange,
    account_view,
    device_view,
)
from orchestrator.http import AnyRequest, address_of
from orchestrator.settings import Settings


class AccountController(Controller):
    path = "/api/account"
    tags = ("account",)
    guards = (signed_in,)
    dependencies = {"asking": Provide(provide_required_sign_in)}

    @get("/", operation_id="readAccount")
    async def read(self, asking: NamedDependency[SignedIn], my_account: NamedDependency[MyAccount]) -> AccountView:
        """One's own account."""
        return account_view(await my_account.particulars(asking.account))

    @patch("/", operation_id="changeAccount")
    async def change(
        self,
        data: JSONBody[AccountPatch],
        asking: NamedDependency[SignedIn],
        my_account: NamedDependency[MyAccount],
    ) -> AccountView:
        """Change one's name."""
        return account_view(await my_account.rename(asking.account, data.name))

    @post("/password", status_code=204, operation_id="changePassword")
    async def change_password(
        self,
        data: JSONBody[PasswordChange],
        asking: NamedDependency[SignedIn],
        my_account: NamedDependency[MyAccount],
    ) -> None:
        """Needs the old one (403 `wrong_password`), and one that is not easy to guess (400 `guessable_password`). Every
        other device is signed out.
        """
        await my_account.change_password(asking, data.current_password, data.new_password)

    @post("/email", status_code=204, operation_id="changeEmail")
    async def change_email(
        self,
        request: AnyRequest,
        data: JSONBody[EmailChange],
        asking: NamedDependency[SignedIn],
        my_account: NamedDependency[MyAccount],
        recovery: NamedDependency[Recovery],
    ) -> None:
        """Ask for another e-mail address. Needs the password (403 `wrong_password`). A letter with a link for
        `confirmEmail` goes to the other address, and one that says so to the old one; until the link is opened the old
        one holds. An address that somebody has is answered alike, and gets no letter. Asking again, or a new password,
        makes what was asked before void.
        """
        seen_hash = await my_account.require_password(asking.account, data.password)
        await recovery.ask_for_change(asking.account, data.email, seen_hash, address=address_of(request))

    @get("/export", media_type="application/zip", operation_id="exportAccount")
    async def export(self, asking: NamedDependency[SignedIn], export: NamedDependency[Export]) -> Stream:
        """All that is kept of this person: `account.json`, and every version of every save with its picture."""
        headers = {"Content-Disposition": 'attachment; filename="playhouse-account.zip"'}
        pieces = await export.begin(asking.account)
        return Stream(pieces, media_type="application/zip", headers=headers)

    @post("/delete", status_code=204, operation_id="deleteAccount")
    async def delete_account(
        self,
        data: JSONBody[Deletion],
        asking: NamedDependency[SignedIn],
        my_account: NamedDependency[MyAccount],
        settings: NamedDependency[Settings],
    ) -> Response[None]:
        """Delete the account with all its data: nobody can undo it. Needs the password (403 `wrong_password`)."""
        await my_account.delete(asking.account, data.password)
        return Response(None, status_code=204, cookies=[session_cookie(settings, "")])

    @get("/devices", operation_id="listDevices")
    async def devices(self, asking: NamedDependency[SignedIn], my_account: NamedDependency[MyAccount]) -> DevicesAnswer:
        """Where this person is signed in."""
        found = await my_account.devices(asking.account)
        return DevicesAnswer(devices=[device_view(device, asking) for device in found])

    @delete("/devices", operation_id="signOutOtherDevices")
    async def sign_out_others(self, asking: NamedDependency[SignedIn], my_account: NamedDependency[MyAccount]) -> None:
        """Sign out every device but this one."""
        await my_account.sign_out_others(asking)

    @delete("/devices/{device_id:str}", operation_id="signOutDevice")
    async def sign_out_device(
        self, device_id: FromPath[str], asking: NamedDependency[SignedIn], my_account: NamedDependency[MyAccount]
    ) -> None:
        """Sign out one device, this one as well."""
        await my_account.sign_out_device(asking.account, device_id)
