"""A tracer that traces nothing: what everybody has unless the environment names a collector, and the port for the one
that does trace (`otlp`).
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from tracing.table import SpanName, Value

Attributes = Mapping[str, Value | None]
CLOSED_WITHIN_S = 0.75
NOTHING_MORE: Attributes = MappingProxyType({})


class Span:
    """What is under way. `traceparent` is what its children are told; None where nothing is traced. None of this can
    fail: an attribute that is None, or that the table does not name, is left out.
    """

    traceparent: str | None = None
    is_told = False  # else whatever is noted is lost

    def note(self, attributes: Attributes) -> None:
        """What is known by now, by names of the table."""

    def fail(self, code: str) -> None:
        """It came to nothing. `code` is a word of ours, never a text of somebody else's."""

    def end(self) -> None:
        """Over now; saying it again changes nothing."""


class Tracer:
    """Safe to use from several threads, and never waits."""

    is_tracing = False

    def root(self, name: SpanName, attributes: Attributes = NOTHING_MORE) -> Span:
        """The first span of a trace."""
        return NO_SPAN

    def begin(
        self,
        name: SpanName,
        parent: str | None,
        attributes: Attributes = NOTHING_MORE,
        *,
        began_ns: int | None = None,
    ) -> Span:
        """A span below `parent`, since `began_ns` of the wall clock or now. Without a parent there is none."""
        return NO_SPAN

    def told(
        self, name: SpanName, parent: str | None, began_ns: int, ended_ns: int, attributes: Attributes = NOTHING_MORE
    ) -> None:
        """One that is over already."""

    @contextmanager
    def span(self, name: SpanName, parent: str | None, attributes: Attributes = NOTHING_MORE) -> Generator[Span]:
        """While the block runs. An error that leaves it makes it fail by the error's `code`, or by its type."""
        span = self.begin(name, parent, attributes)
        try:
            yield span
        except BaseException as error:
            span.fail(code_of(error))
            raise
        finally:
            span.end()

    def close(self) -> None:
        """Send what waits. Blocks, for `CLOSED_WITHIN_S` at most."""


def code_of(error: BaseException) -> str:
    """Never its text, which may hold anything."""
    code = getattr(error, "code", None)
    return code if isinstance(code, str) and code else type(error).__name__


NO_SPAN = Span()
UNTRACED = Tracer()
