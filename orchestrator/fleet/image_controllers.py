"""`/api/admin/hosts/{id}/images`: what lies in a host's cache of images, and what is on its way. HTTP only."""

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from orchestrator.accounts.dependencies import signed_in_as_admin
from orchestrator.fleet.host_images import HostImages, HostImagesAnswer


class HostImagesController(Controller):
    path = "/api/admin/hosts"
    tags = ("admin",)
    guards = (signed_in_as_admin,)

    @get("/{host_id:str}/images", operation_id="listHostImages")
    async def images(self, host_id: FromPath[str], host_images: NamedDependency[HostImages]) -> HostImagesAnswer:
        """The images that the host holds and fetches, and which of them go first when it needs room."""
        return await host_images.of(host_id)
