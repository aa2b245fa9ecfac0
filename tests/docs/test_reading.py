"""How the commands of a page are found."""

import pytest

from tests.docs.reading import blocks, commands, shell_blocks, without_comment
from tests.integration.guides.reader import forms


def test_a_command_is_whole_where_its_quotes_are() -> None:
    assert list(commands("one   # of two\n\n# on the host\ntwo '{\n  # \"a\": 1}'\nthree")) == [
        "one   # of two",
        "two '{\n  # \"a\": 1}'",
        "three",
    ]
    with pytest.raises(AssertionError, match="it never ends"):
        list(commands("one '"))


@pytest.mark.parametrize(
    ("command", "typed"),
    [
        ("one   # so", "one"),
        ('one "a # b"  # so', 'one "a # b"'),
        ("one#two", "one#two"),
        ("one 'a\n # b'", "one 'a\n # b'"),
    ],
)
def test_comments_are_not_typed(command: str, typed: str) -> None:
    assert without_comment(command) == typed


@pytest.mark.parametrize(
    ("command", "both"),
    [
        ("list [NAME]", ["list", "list NAME"]),
        ("show ID [--since DAY]", ["show ID", "show ID --since DAY"]),
        ("""-d '{"tags": ["One"], "players": [{}]}'""", ["""-d '{"tags": ["One"], "players": [{}]}'"""]),
    ],
)
def test_what_is_in_brackets_may_be_left_out(command: str, both: list[str]) -> None:
    assert list(forms(command)) == both


def test_blocks_know_their_heading() -> None:
    found = list(blocks("docs/accounts.md"))
    assert [(block.heading, block.language) for block in found] == [("Letting people in and out", "sh")]
    assert shell_blocks("docs/accounts.md") == [found[0].text]
