"""What stands in the fences of a page, and the commands in it. Pure."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HOUSE = Path(__file__).parents[2]
SHELL = "sh"
PAGES = ["README.md", "CONTRIBUTING.md", *(str(page.relative_to(HOUSE)) for page in (HOUSE / "docs").rglob("*.md"))]


class Block(NamedTuple):
    """What stands in one fence, the last heading above it, and the language that the fence names."""

    heading: str
    language: str
    text: str


def blocks(page: str) -> Iterator[Block]:
    """Of a page of the house, such as `docs/games.md`, in its order. Headings are those of `##` and below."""
    heading = ""
    for found in re.finditer(
        r"^##+ ([^\n]*)$|^```(\w*)\n(.*?)^```$", (HOUSE / page).read_text(), re.MULTILINE | re.DOTALL
    ):
        if found[1] is not None:
            heading = found[1]
        else:
            yield Block(heading, found[2], found[3])


def shell_blocks(page: str) -> list[str]:
    return [block.text for block in blocks(page) if block.language == SHELL]


def under(page: str, heading: str) -> list[str]:
    """Whatever their language is."""
    return [block.text for block in blocks(page) if block.heading == heading]


def commands(block: str) -> Iterator[str]:
    """The commands of a block of shell with the comments behind them, each whole where its quotes go on in the next
    line. It may hold no here-document.
    """
    command = ""
    for line in block.splitlines():
        command += line
        if not is_whole(command):
            command += "\n"
        elif re.match(r"\s*(#|$)", command):
            command = ""
        else:
            yield command
            command = ""
    assert not command, f"it never ends: {command}"


def is_whole(command: str) -> bool:
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False
    return True


def without_comment(command: str) -> str:
    """As it is typed. A `#` begins a comment where a blank stands before it and no quote is open."""
    for found in re.finditer(r"\s+#", command):
        if is_whole(command[: found.start()]):
            return command[: found.start()]
    return command


def simple_commands(block: str) -> Iterator[list[str]]:
    """The words of all that stands in a block of shell, cut at pipes, brackets and redirections; comments, optional
    brackets and here-documents are left out.
    """
    for command in commands(without_documents(block)):
        lexer = shlex.shlex(re.sub(r"[\[\]]", "", command), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if set(word) <= set("();<>|&"):
                yield words
                words = []
            else:
                words.append(word)
        yield words


def without_documents(block: str) -> str:
    """Without the here-documents in it."""
    return re.sub(r"((?<!<)<<(?!<)['\"]?(\w+)['\"]?[^\n]*)\n.*?^\2$", r"\1", block, flags=re.MULTILINE | re.DOTALL)
