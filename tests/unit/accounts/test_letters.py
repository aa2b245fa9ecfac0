"""What letters say."""

import pytest

from orchestrator.accounts.letters import LIFETIMES, Purpose, write_letter


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_letter_has_one_link_of_ours_with_its_secret_behind_the_hash(purpose: Purpose) -> None:
    letter = write_letter(purpose, "ada@example.org", "https://play.example", "s3cret")
    links = [word for word in letter.text.split() if "://" in word]
    assert len(links) == 1
    address, _, secret = links[0].partition("#")
    assert address.startswith("https://play.example/")
    assert secret == "s3cret"
    assert (letter.to, "s3cret" in repr(letter)) == ("ada@example.org", False)


def test_each_purpose_has_a_page_and_a_lifetime_of_its_own() -> None:
    assert set(LIFETIMES) == set(Purpose)
    pages = {write_letter(purpose, "a@b", "", "").text.split("/")[1].split("#")[0] for purpose in Purpose}
    assert pages == {"reset-password", "confirm-email"}
