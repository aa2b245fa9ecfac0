"""`/api/account`: what a person sees and changes of the own account. HTTP only."""

from litestar import Controller, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody

from orchestrator.accounts.account import SignedIn
from orchestrator.accounts.dependencies import provide_required_sign_in, signed_in
from orchestrator.accounts.my_account import MyAccount
from orchestrator.accounts.schemas import (
    AccountPatch,
    AccountView,
    DevicesAnswer,
    PasswordChange,
    account_view,
    device_view,
)


class AccountController(Controller):
    path = "/api/account"
    tags = ("account",)
    guards = (signed_in,)
    dependencies = {"asking": Provide(provide_required_sign_in)}

    @get("/", operation_id="readAccount")
    async def read(self, asking: NamedDependency[SignedIn], my_account: NamedDependency[MyAccount]) -> AccountView:
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
        """Needs the old one (403 `wrong_password`). Every other device is signed out."""
        await my_account.change_password(asking, data.current_password, data.new_password)

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
