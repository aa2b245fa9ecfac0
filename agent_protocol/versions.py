"""Which version of these models two sides speak: the newest that both know, so that either may be a release ahead.

An agent begins with the oldest that it knows, hears what the replica that answered knows, and goes on in the newest of
both. Replicas of two releases may answer it in turn.
"""

from pydantic import Field

from agent_protocol.model import WireModel


class Spoken(WireModel):
    """Every version from `oldest` to `newest`."""

    oldest: int = Field(ge=0, lt=2**31)
    newest: int = Field(ge=0, lt=2**31)

    def __str__(self) -> str:
        return str(self.newest) if self.oldest == self.newest else f"{self.oldest} to {self.newest}"


class NoCommonVersion(Exception):
    """Says which side is to be upgraded."""


PROTOCOL_VERSION = 1
SPOKEN = Spoken(oldest=1, newest=PROTOCOL_VERSION)
"""What this release speaks. A new version keeps the one before it for a release."""


def common_version(agent: Spoken, orchestrator: Spoken) -> int:
    """The newest that both speak. Raises `NoCommonVersion`."""
    newest = min(agent.newest, orchestrator.newest)
    if newest >= max(agent.oldest, orchestrator.oldest):
        return newest
    told = f"This agent speaks protocol {agent}, and the orchestrator {orchestrator}"
    if agent.newest < orchestrator.oldest:
        raise NoCommonVersion(f"{told}: upgrade this agent.")
    raise NoCommonVersion(f"{told}: upgrade the orchestrator's replicas, which go before agents.")
