"""What can keep `orchestrator up` from starting; each message says what to do."""

from orchestrator.replica import StartupError


class DataInUse(StartupError):
    """Another `orchestrator up` has this data folder."""


class PortTaken(StartupError):
    """Something else listens where the replica should."""


class NoEngine(StartupError):
    """There is no Docker Engine to use, and none can be started."""


class GameNotBuilt(StartupError):
    """A game's image could not be made."""


class PartFailed(StartupError):
    """The replica or the agent ended before it was ready."""
