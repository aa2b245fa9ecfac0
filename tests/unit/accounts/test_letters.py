"""What letters say."""

import pytest

from orchestrator.accounts.letters import LIFETIMES, Purpose, write_letter


@pytest.mark.parametrize("purpose", list(LIFETIMES))
def test_a_letter_has_one_link_of_ours_with_its_secret_behind_the_hash(purpose: Purpose) -> None:
    letter = write_letter(purpose, "ada@example.org", "https://play.example", "s3cret")
    links = [word for word in letter.text.split() if "://" in word]
    assert len(links) == 1
    address, _, secret = links[0].partition("#")
    assert address.startswith("https://play.example/")
    assert secret == "s3cret"
    assert (letter.to, "s3cret" in repr(letter)) == ("ada@example.org", False)


def test_each_secret_has_a_page_and_a_lifetime() -> None:
    pages = {write_letter(purpose, "a@b", "", "").text.split("/")[1].split("#")[0] for purpose in LIFETIMES}
    assert pages == {"reset-password", "confirm-email"}


def test_the_old_address_is_told_of_a_change_without_a_secret_and_how_to_stop_it() -> None:
    letter = write_letter(Purpose.EMAIL_MAY_CHANGE, "ada@example.org", "https://play.example", "s3cret")
    assert "https://play.example/forgot-password" in letter.text
    assert "s3cret" not in letter.text
    assert set(Purpose) - {Purpose.EMAIL_MAY_CHANGE} == set(LIFETIMES), "it alone holds none"
