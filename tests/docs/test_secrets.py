"""No line that documents tell people to type has a secret among its arguments: everybody on a machine sees those."""

import itertools
import re
import shlex

import pytest

from tests.docs.reading import PAGES, shell_blocks, simple_commands

SECRET = re.compile(
    r"\$\{?\w*(KEY|PASSWORD|SECRET|TOKEN)\b"  # what is in a variable of such a name
    r"|\b(bg_live|bg_test|join|ppk|whsec)_"  # how ours begin
    r"|[A-Z]-(PASSWORD|SECRET)\b"  # what a reader fills in
    r"|\bBearer\b"
    r"|^--(oauth2-bearer|password|secret|token)(=|$)"
)
OF_THE_SHELL = {"cd", "echo", "export", "printf", "read", "set"}
"""No process is started for them."""


def secrets_in(command: list[str]) -> list[str]:
    words = list(itertools.dropwhile(lambda word: re.match(r"\w+=", word), command))
    return [] if words[:1] and words[0] in OF_THE_SHELL else [word for word in words[1:] if SECRET.search(word)]


def test_no_secret_is_among_a_commands_arguments() -> None:
    found = [
        f"{page}: {shlex.join(command)}"
        for page in PAGES
        for block in shell_blocks(page)
        for command in simple_commands(block)
        if secrets_in(command)
    ]
    assert not found


@pytest.mark.parametrize(
    "line",
    [
        'curl -H "Authorization: Bearer $KEY" $HOST -d \'{\n  "game": "chess"}\'',
        'curl -H @key $HOST; curl --oauth2-bearer "${KEY}" $HOST',
        "CI=1 gameserver-agent run --token join_1234",
        "cat <<END | login --password X\nend\nEND",
    ],
)
def test_a_secret_among_them_is_found(line: str) -> None:
    assert any(map(secrets_in, simple_commands(line)))


@pytest.mark.parametrize(
    "line",
    [
        '(umask 077; echo "Authorization: Bearer ppk_1" > key)',
        'printf %s "$PASSWORD" | login --password-stdin',
        "login --password-stdin <<< 'REGISTRY-PASSWORD'",
        'cat > page.html <<PAGE\nconst token = "$TOKEN"\nPAGE',
    ],
)
def test_what_nobody_sees_may_be_secret(line: str) -> None:
    assert not any(map(secrets_in, simple_commands(line)))
