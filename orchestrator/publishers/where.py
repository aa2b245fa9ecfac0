"""Where this installation keeps the images of publishers' games: its registry where it has one, else the engine beside
it.
"""

import asyncio
import os

from orchestrator.embedded.engine import private_engine_of
from orchestrator.publishers.destinations import Destination, EngineDestination, RegistryDestination
from orchestrator.settings import Settings


class DestinationOf:
    """Asked anew for each upload: a private engine may have been started again elsewhere. `docker_host` names another
    engine than the one that is found.
    """

    def __init__(self, settings: Settings, docker_host: str | None = None) -> None:
        self._settings = settings
        self._docker_host = docker_host

    async def __call__(self) -> Destination:
        settings = self._settings
        docker_host = self._docker_host or await asyncio.to_thread(private_engine_of, settings.data, os.environ)
        docker_host = docker_host or os.environ.get("DOCKER_HOST")
        if settings.registry is not None:
            return RegistryDestination(
                settings.registry, settings.base_image, settings.insecure_registries, docker_host
            )
        return EngineDestination(settings.base_image, docker_host)
