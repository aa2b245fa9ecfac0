"""Whoever goes through a page with a terminal at hand."""

import re
from collections.abc import Iterator

from tests.docs.reading import commands, shell_blocks, without_comment
from tests.docs.terminal import Terminal


class Reader:
    """The commands of a page in its order. `knows` says what stands for the words that a reader fills in; the longest
    goes first.
    """

    def __init__(self, page: str, terminal: Terminal, **knows: str) -> None:
        self.page, self.terminal, self.knows = page, terminal, dict(knows)
        self._left = [command for block in shell_blocks(page) for command in commands(block)]

    def types(self, words: str, given: str = "", *, once: bool = False) -> str:
        """What the page's next command prints, which is one of these words. Where it has something in brackets it is
        typed without that and then with it, unless it can be done `once` alone; the latter is what is judged.
        """
        text = ""
        for form in list(forms(self.next(words)))[-1 if once else 0 :]:
            text = self.does(self.filled(form), given)
        return text

    def does(self, command: str, given: str = "") -> str:
        """Types what no block of the page says, and what it says in words."""
        said = self.terminal.types(command, given)
        print(f"$ {command}\n{said.text}")
        assert said.code == 0, f"{self.page}: {command} ended with {said.code}:\n{said.text}"
        return said.text

    def next(self, words: str) -> str:
        """The page's next command, which is one of these words, without its comment."""
        assert self._left, f"{self.page} has no `{words}` any more"
        command = self._left.pop(0)
        assert words in command, f"{self.page}: nobody has read `{command}`; they went on with `{words}`"
        return without_comment(command)

    def starts(self, words: str, log: str) -> str:
        """The page's next command, which is one of these words and goes on until the terminal is closed."""
        form = self.filled(self.next(words))
        self.does(f"{form} >{log} 2>&1 &")
        return form

    def leaves(self, words: str, because: str) -> None:
        """Goes past the next command, which something else tests."""
        assert because
        self.next(words)

    def filled(self, text: str) -> str:
        words = sorted(self.knows, key=len, reverse=True)
        return re.sub("|".join(map(re.escape, words)) or "$^", lambda found: self.knows[found[0]], text)

    def is_done(self) -> None:
        assert not self._left, f"{self.page}: nobody has read {self._left}"


def forms(command: str) -> Iterator[str]:
    """Without what is in brackets, and with it; those of JSON are none. Pure."""
    optional = r" ?\[(?=[-A-Z])([^]]*)\]"
    if re.search(optional, command):
        yield re.sub(optional, "", command)
    yield re.sub(optional, lambda found: found[0].replace("[", "").replace("]", ""), command)
