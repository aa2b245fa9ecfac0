"""A theme is colours by name, and nothing of a tenant's text ever becomes a style."""

import pytest

from orchestrator.errors import InvalidRequest
from orchestrator.tenants.theme import DARK_DEFAULTS, DEFAULTS, colour_of, theme_of


def test_colours_are_written_in_one_way() -> None:
    assert colour_of("#ABC") == "#aabbcc"
    assert colour_of("#Ff6B00") == "#ff6b00"
    theme = {"primaryColor": "#F60", "textColor": "", "surfaceColor": None}
    assert theme_of(theme) == {"primaryColor": "#ff6600"}
    assert theme_of({}) == {}
    assert theme_of(DEFAULTS) == DEFAULTS
    assert DEFAULTS.keys() > DARK_DEFAULTS.keys()


def test_a_scheme_is_light_or_dark_or_the_readers() -> None:
    assert theme_of({"colorScheme": "dark"}) == {"colorScheme": "dark"}
    assert theme_of({"colorScheme": ""}) == {}


@pytest.mark.parametrize("value", ["Dark", "#ffffff", "light dark", 7, ["dark"]])
def test_any_other_scheme_is_refused(value: object) -> None:
    with pytest.raises(InvalidRequest, match="colorScheme is light or dark"):
        theme_of({"colorScheme": value})


@pytest.mark.parametrize(
    "value",
    [
        "red", "#12", "#1234", "#12345", "#1234567", "#ggg", "#fff ", "#fff\n", "#fff;x:y", "url(#fff)", "var(--a)",
        "#\uff11\uff12\uff13", 7, True, [], {}, "rgb(0,0,0)",
    ],
)  # fmt: skip
def test_what_is_no_colour_is_refused_by_its_name(value: object) -> None:
    assert colour_of(value) is None
    with pytest.raises(InvalidRequest, match="primaryColor is a colour"):
        theme_of({"primaryColor": value})


def test_a_name_that_is_none_of_a_theme_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="There is no 'fontFamily' in a theme"):
        theme_of({"fontFamily": "#ffffff"})
    with pytest.raises(InvalidRequest) as refused:
        theme_of({"x" * 100_000: "#fff"})
    assert len(refused.value.message) < 300
