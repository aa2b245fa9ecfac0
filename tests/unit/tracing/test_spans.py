"""What docs/traces.md lists is what there is, word for word, and nothing of it is anybody's own."""

import re
from pathlib import Path

import pytest

from gameserver_agent import spans as agents
from orchestrator.observing import spans as replicas
from tracing import SpanName

DOCUMENT = Path(__file__).parents[3] / "docs" / "traces.md"
TABLE = (*replicas.TABLE, *(span for span in agents.TABLE if not span.service), *agents.OF_SEATS.values())


def row_of(span: SpanName) -> str:
    """A span as the document writes it."""
    return f"| `{span.name}` | {', '.join(f'`{name}`' for name in span.attributes)} | {span.meaning} |"


def test_the_document_lists_what_there_is() -> None:
    lists = DOCUMENT.read_text().partition("## A replica's spans")[2]
    assert re.findall(r"^\| `.*$", lists, re.MULTILINE) == [row_of(span) for span in TABLE]


def test_no_name_is_used_twice() -> None:
    assert len({span.name for span in TABLE}) == len(TABLE)


@pytest.mark.parametrize("span", TABLE, ids=lambda span: span.name)
def test_no_span_has_room_for_a_person_an_address_or_a_text(span: SpanName) -> None:
    for name in span.attributes:
        assert re.fullmatch(r"playhouse\.[a-z_.]+|http\.(request\.method|route|response\.status_code)", name)
        assert not re.search("owner|account|user|tenant|email|name|address|url|token|message|text", name)
