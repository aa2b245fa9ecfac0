"""The library's address: whatever it says is a page, and what the page links to says what it means."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.web.shelf import Shelf, cloth_of, letter_of, pages_of, shelf_of


def test_an_address_says_what_is_asked() -> None:
    shelf = shelf_of({"search": " moon ", "tag": "Cosy", "sort": "popular", "mine": "1", "page": "3"})
    assert shelf == Shelf("moon", "Cosy", "popular", is_mine=True, page=3)
    assert shelf.address == "/?search=moon&tag=Cosy&sort=popular&mine=1&page=3"
    assert shelf.with_tag("").address == "/?search=moon&sort=popular&mine=1"
    assert shelf.of(is_mine=False).address == "/?search=moon&tag=Cosy&sort=popular"
    assert Shelf().address == "/"


@pytest.mark.parametrize("page", ["0", "-1", "x", "", "1.5", "٣", "9" * 400, "1e5"])
def test_a_page_of_nonsense_is_the_first(page: str) -> None:
    assert shelf_of({"page": page}).page == 1


def test_without_a_word_on_it_the_page_chooses_the_order() -> None:
    assert shelf_of({"search": "moon"}).wanted.sort == "relevance"
    assert shelf_of({"sort": "price"}).wanted.sort == "title"
    assert shelf_of({"sort": "createdAt"}).wanted.order == "desc"
    assert shelf_of({"search": "moon", "sort": "title"}).wanted.sort == "title"


@given(st.dictionaries(st.sampled_from(["search", "tag", "sort", "mine", "page"]), st.text(max_size=300)))
def test_an_address_leads_back_to_itself(query: dict[str, str]) -> None:
    shelf = shelf_of(query)
    again = shelf_of(dict(parse_qsl(urlsplit(shelf.address).query)))
    assert again == shelf
    assert shelf.wanted.page >= 1
    assert "\0" not in shelf.search


@pytest.mark.parametrize(
    ("title", "letter"),
    [("The Question", "Q"), ("A", "A"), ("an  apple", "A"), ("the", "T"), ("", "?"), ("🎮 x", "🎮")],
)
def test_the_letter_of_a_cover_is_no_articles(title: str, letter: str) -> None:
    assert letter_of(title) == letter


def test_cloths_are_six() -> None:
    assert {cloth_of(f"game-{number}") for number in range(100)} == set(range(6))


def test_pages_are_rounded_up() -> None:
    assert [pages_of(total) for total in (0, 1, 24, 25)] == [1, 1, 1, 2]
