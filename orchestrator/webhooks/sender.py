"""One POST to a tenant's server, within a deadline, and without trust in what comes back. `OutsideClient` sees to it
that only addresses that may be reached are; redirects are not followed.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import aiohttp

from orchestrator.outside.client import MISHAPS, Lookup, OutsideClient, Trouble, trouble_of
from orchestrator.outside.reach import Reach

DEADLINE_S = 10.0
"""From the look-up of the name to the answer's status."""
MOST_ANSWER_BYTES = 2048
_ANSWER_WITHIN_S = 1.0


class Failure(StrEnum):
    """Why a try did not succeed. Each has a sentence in `FAILURES`."""

    REFUSED = "refused"
    REDIRECT = "redirect"
    GONE = "gone"
    TIMEOUT = Trouble.TIMEOUT.value
    NAME = Trouble.NAME.value
    ADDRESS = Trouble.ADDRESS.value
    TLS = Trouble.TLS.value
    CONNECTION = Trouble.CONNECTION.value
    INTERNAL = "internal"


FAILURES = {
    Failure.REFUSED: "The target did not answer with a status of 2xx.",
    Failure.REDIRECT: "The target answered with a redirect, which is not followed.",
    Failure.GONE: "The target answered 410: it wants no more webhooks.",
    Failure.TIMEOUT: f"The target did not answer within {DEADLINE_S:.0f} seconds.",
    Failure.NAME: "The target's name could not be resolved.",
    Failure.ADDRESS: "The target's name leads to an address that webhooks are not sent to.",
    Failure.TLS: "No trusted TLS connection to the target could be made.",
    Failure.CONNECTION: "The target could not be connected to, or ended the connection without an answer.",
    Failure.INTERNAL: "Something went wrong on our side.",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a try. `answer` is how the body of an answer that is not 2xx begins, as text."""

    took_ms: int
    status: int | None = None
    failure: Failure | None = None
    answer: str = ""


class Sender(Protocol):
    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Send it once. Whatever the target does is an `Outcome`."""
        ...


class HttpSender:
    """`lookup` gives the addresses of a host, as texts, and may block; `OSError` where there are none."""

    def __init__(self, reach: Reach, *, lookup: Lookup | None = None, deadline_s: float = DEADLINE_S) -> None:
        self._outside = OutsideClient(reach, "webhook-names", lookup)
        self._deadline_s = deadline_s

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        started_s = time.monotonic()

        def outcome(**result: Any) -> Outcome:
            return Outcome(round((time.monotonic() - started_s) * 1000), **result)

        try:
            return outcome(**await self._posted(url, headers, body))
        except MISHAPS as error:
            return outcome(failure=Failure(trouble_of(error)))

    async def _posted(self, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        async with (
            self._outside.connecting(url, self._deadline_s) as (client, target),
            client.post(target, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            failure = _failure_by(answer.status)
            said = await _beginning(answer.content) if failure else ""
            answer.close()  # what else it would say is not waited for
            return {"status": answer.status, "failure": failure, "answer": said}


def _failure_by(status: int) -> Failure | None:
    if 200 <= status < 300:
        return None
    if status == 410:
        return Failure.GONE
    return Failure.REDIRECT if 300 <= status < 400 else Failure.REFUSED


async def _beginning(content: aiohttp.StreamReader) -> str:
    """The first bytes of an answer as far as they come soon, in characters that a log can show."""
    said = bytearray()
    try:
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            while len(said) < MOST_ANSWER_BYTES and (piece := await content.read(MOST_ANSWER_BYTES - len(said))):
                said += piece
    except (aiohttp.ClientError, TimeoutError):
        pass  # the status has been said
    text = said.decode(errors="replace")
    return "".join(character if character.isprintable() else " " for character in text).strip()
