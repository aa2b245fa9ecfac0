"""The double submit: a form's token must be its cookie's, and the cookie must be ours."""

import pytest

from orchestrator.accounts import csrf

SECRET = b"secret of this installation"


def test_a_cookie_of_ours_has_a_token_that_its_form_may_repeat() -> None:
    cookie = csrf.new_cookie(SECRET)
    token = csrf.token_of(cookie, SECRET)
    assert token == cookie.partition("|")[0]
    assert csrf.is_valid(token, cookie, SECRET)


@pytest.mark.parametrize(
    "cookie", [None, "", "|", "token", "token|", "token|0000", "tökén|ß", csrf.new_cookie(b"other")]
)
def test_a_cookie_that_we_did_not_make_has_no_token(cookie: str | None) -> None:
    assert csrf.token_of(cookie, SECRET) is None
    assert not csrf.is_valid("token", cookie, SECRET)


@pytest.mark.parametrize("submitted", [None, "", 1, "ünlike", csrf.new_cookie(SECRET).partition("|")[0]])
def test_another_token_than_the_cookies_is_refused(submitted: object) -> None:
    assert not csrf.is_valid(submitted, csrf.new_cookie(SECRET), SECRET)


def test_two_browsers_never_share_a_token() -> None:
    assert csrf.new_cookie(SECRET) != csrf.new_cookie(SECRET)
