"""Games are found by the beginnings of words, whatever their case, accents and form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.catalog.words import (
    DESCRIPTION,
    DEVELOPER,
    MOST_SEARCH_WORDS,
    MOST_WORD_CHARACTERS,
    TAG,
    TITLE,
    index_of,
    search_words,
    words_of,
    worst_place,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The Question", ["the", "question"]),
        ("Ünïcode ÉCLAIR", ["unicode", "eclair"]),
        ("U\u0308ni", ["uni"]),
        ("Ren'Py and Ren\u2019Py", ["renpy", "and", "renpy"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("smørrebrød Łódź Æon", ["smorrebrod", "lodz", "aeon"]),
        ("sci-fi/2:Ⅸ", ["sci", "fi", "2", "ix"]),
        ("ﬁne \uff37\uff29\uff24\uff25", ["fine", "wide"]),
        (
            "\u0386\u03bb\u03c6\u03b1 \u0430\u043b\u044c\u0444\u0430",
            ["\u03b1\u03bb\u03c6\u03b1", "\u0430\u043b\u044c\u0444\u0430"],
        ),
        ("שָׁלוֹם", ["שלום"]),
        ("한국어 게임", ["한국어", "게임"]),
        ("🎮 time", ["🎮", "time"]),
        ("100% _ \0 %", ["100"]),
        ("", []),
        ("x" * 200, ["x" * MOST_WORD_CHARACTERS]),
    ],
)
def test_words_are_kept_in_one_form(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_each_word_has_the_best_place_that_it_stands_in() -> None:
    found = index_of("Star Trade", "Star Makers", ["Trade", "Cosy"], "A cosy trade of makers and dust.")
    assert found == {
        "star": TITLE,
        "trade": TITLE,
        "makers": DEVELOPER,
        "cosy": TAG,
        "a": DESCRIPTION,
        "of": DESCRIPTION,
        "and": DESCRIPTION,
        "dust": DESCRIPTION,
    }


def test_what_has_no_spaces_is_found_from_any_character() -> None:
    found = index_of("東方紅魔郷", "", [], "")
    assert set(found) == {"東方紅魔郷", "方紅魔郷", "紅魔郷", "魔郷", "郷"}
    assert worst_place("紅") == DESCRIPTION


def test_short_words_are_not_looked_for_in_descriptions() -> None:
    assert [worst_place(word) for word in ("t", "th", "the")] == [TAG, TAG, DESCRIPTION]


def test_a_search_has_each_word_once_and_not_too_many() -> None:
    assert search_words("Star star STAR war") == ["star", "war"]
    assert len(search_words(" ".join(f"w{number}" for number in range(50)))) == MOST_SEARCH_WORDS
    assert search_words("% _ '") == []


def test_the_words_of_a_long_description_are_bounded() -> None:
    assert len(index_of("", "", [], "語" * 5000)) <= 400
    assert len(index_of("", "", [], " ".join(f"word{number}" for number in range(900)))) == 400


@given(st.text(max_size=300))
def test_what_was_written_down_is_found_by_its_own_words(text: str) -> None:
    found = index_of(text, "", [], "")
    for word in words_of(text):
        assert word in found
        assert 0 < len(word) <= MOST_WORD_CHARACTERS
        assert "\0" not in word
    assert words_of(" ".join(words_of(text))) == words_of(text)
