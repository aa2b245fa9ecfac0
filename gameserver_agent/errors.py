"""Every failure that the agent expects, by name.

AgentError
├── StartUpError        the agent cannot begin; its text tells the operator what to do
├── EngineError         the Docker Engine did not do what was asked
│   ├── EngineUnreachableError   it does not answer, or not within the deadline
│   ├── EngineBusyError          too many calls wait in a lane
│   ├── ContainerNotFoundError
│   └── ImageNotFoundError
├── ControlPlaneError   the orchestrator did not do what was asked
│   ├── ControlPlaneUnreachableError  no answer, or one that a later try may better
│   │   ├── ControlPlaneAwayError         no connection came about: nothing else gets through now either
│   │   └── StoreAwayError            the orchestrator is well and its store of saves is not; fit for people
│   └── ControlPlaneRefusedError      a final no, with its status
│       ├── HostRemovedError              an operator has removed this host
│       └── OtherProtocolError            it does not speak the version that it was asked in
├── SeatError           the seat could not be raised or spoken to
├── SaveError           a save could not be captured or restored
│   └── SaveRefusedError         it is not what we take (too large, too many files): another try is no better
└── SessionEndedError        a session's way ends here, with the code that the wire knows
"""

from agent_protocol import Spoken


class AgentError(Exception):
    """Base of everything that the agent expects to go wrong."""


class StartUpError(AgentError):
    """The agent cannot begin."""


class EngineError(AgentError):
    """The Docker Engine did not do what was asked."""


class EngineUnreachableError(EngineError):
    """The engine does not answer within the deadline."""


class EngineBusyError(EngineError):
    """Too many calls wait in one lane."""


class ContainerNotFoundError(EngineError):
    """The engine knows no such container."""


class ImageNotFoundError(EngineError):
    """Neither the engine nor a registry has the image."""


class ControlPlaneError(AgentError):
    """The orchestrator did not do what was asked."""


class ControlPlaneUnreachableError(ControlPlaneError):
    """No answer, or one that a later try may better."""


class ControlPlaneAwayError(ControlPlaneUnreachableError):
    """No connection to the orchestrator comes about."""


class StoreAwayError(ControlPlaneUnreachableError):
    """The store of saves does not do its work now; the text is fit for people."""


class ControlPlaneRefusedError(ControlPlaneError):
    """A final no. `status` is the HTTP status, `code` the wire's error code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message

    @property
    def is_about_host(self) -> bool:
        """And not about what was asked: that may be taken once the host is known again."""
        return self.status in (401, 403)


class HostRemovedError(ControlPlaneRefusedError):
    """The orchestrator knew this host's key and has removed it: nothing of it is wanted any more."""


class OtherProtocolError(ControlPlaneRefusedError):
    """It does not speak the version that it was asked in. `speaks` says what it does."""

    def __init__(self, refusal: ControlPlaneRefusedError, speaks: Spoken) -> None:
        super().__init__(refusal.status, refusal.code, refusal.message)
        self.speaks = speaks


class SeatError(AgentError):
    """The seat could not be raised, does not answer, or refuses: `code` says why to whoever wanted to connect."""

    def __init__(self, message: str, code: str = "seat_not_ready") -> None:
        super().__init__(message)
        self.code = code


class SaveError(AgentError):
    """A save could not be captured or restored; the text is fit for people."""


class SaveRefusedError(SaveError):
    """The save is outside the bounds of what we take; only a change of it helps."""


class SessionEndedError(AgentError):
    """A session's way ends here. `code` is one of `EndReport`'s; the text is fit for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
