"""Which passwords are among the first that somebody would try, and which are not."""

import gc
import weakref

import pytest

from orchestrator.accounts.guessing import is_guessable
from orchestrator.accounts.passwords import GuessablePassword, Passwords, Verdict

ADA = ("ada.lovelace@example.org", "Ada Countess")
COMMON = {"password", "sunshine", "hello", "123456", "iloveyou"}


def is_easy(password: str, *about: str) -> bool:
    return is_guessable(password, COMMON.__contains__, about)


@pytest.mark.parametrize(
    "password",
    [
        *("password", "PASSWORD", "i love you", "password1234", "Password2024!", "!!password", "#1sunshine"),
        *("p@ssw0rd", "pa55w0rd!", "$unsh1ne", "he11o123", "hello123456"),
        *("hell0", "h3ll0", "123456xy", "xy123456"),
        *("abcdefgh", "87654321", "abcdefgh!", "aaaaaaaa", "abcabcabcabc", "passwordpassword", "--------"),
        *("playhouse", "Playhouse2026"),
    ],
)
def test_what_many_take_is_easy(password: str) -> None:
    assert is_easy(password)


@pytest.mark.parametrize(
    "password",
    [
        *("ada.lovelace@example.org", "adalovelace", "Lovelace1815", "ada-lovelace"),
        *("countess!", "Ada Countess", "L0velace"),
    ],
)
def test_what_says_whose_it_is_is_easy_for_them_alone(password: str) -> None:
    assert is_easy(password, *ADA)
    assert not is_easy(password, "eve@elsewhere.example", "Eve")


@pytest.mark.parametrize(
    "password",
    [
        *("correct horse", "hello sunshine", "a few words in a row", "passwörter sind alt", "kuchen-essen"),
        *("hello83920174", "xkqzvbnm", "83059172", "q8!zT#4m", "acegikmo", "!#%&/()=", ""),
    ],
)
def test_what_takes_longer_to_find_is_not(password: str) -> None:
    assert not is_easy(password, *ADA)


def test_nothing_is_kept_of_the_list() -> None:
    """It has a quarter of a megabyte, and is there once for each who asks."""

    class Listed:
        def __call__(self, word: str) -> bool:
            return word in COMMON

    gc.disable()
    try:
        listed = Listed()
        kept = weakref.ref(listed)
        assert not is_guessable("correct horse", listed, ADA)
        del listed
        assert kept() is None
    finally:
        gc.enable()


async def test_a_password_that_is_chosen_is_compared_with_the_list() -> None:
    passwords = Passwords()
    for easy in ("password1234", "qwertyuiop", "Dragon2024", "lovelace"):
        with pytest.raises(GuessablePassword):
            await passwords.chosen(easy, *ADA)
    assert await passwords.verify("correct horse", await passwords.chosen("correct horse", *ADA)) is Verdict.RIGHT
