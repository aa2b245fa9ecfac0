"""Where a store lies in S3: what an operator may write, and what never reaches a log."""

import pytest

from orchestrator.saves.s3_location import S3Location, parse_endpoint, parse_store_url


def test_a_bucket_may_have_a_prefix() -> None:
    assert parse_store_url("s3://saves") == S3Location("saves")
    assert parse_store_url("s3://saves/") == S3Location("saves")
    assert parse_store_url("s3://our.saves/house/one/") == S3Location("our.saves", "house/one/")


def test_keys_lie_below_the_prefix_and_come_back_without_it() -> None:
    location = parse_store_url("s3://saves/house")
    assert location.full_key("slot/a.tar.zst") == "house/slot/a.tar.zst"
    assert location.key_of("house/slot/a.tar.zst") == "slot/a.tar.zst"


@pytest.mark.parametrize(
    "url",
    ["", "saves", "/srv/saves", "https://saves", "s3://", "s3://S", "s3://a", "s3://Saves", "s3://saves?x=1", "s3://saves#x",
     "s3://saves/a//b", "s3://saves/../b", "s3://saves/a b"],
)  # fmt: skip
def test_what_names_no_bucket_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"must be|names no bucket|has a prefix"):
        parse_store_url(url)


@pytest.mark.parametrize("url", ["s3://key:hidden@saves", "s3://hidden@saves/x", "s3://saves:9000"])
def test_keys_in_the_address_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="bucket alone") as refused:
        parse_store_url(url)
    assert "hidden" not in str(refused.value)


def test_an_endpoint_is_an_origin() -> None:
    assert parse_endpoint("https://s3.example/") == "https://s3.example"
    assert parse_endpoint("http://127.0.0.1:9000") == "http://127.0.0.1:9000"


@pytest.mark.parametrize(
    "url", ["s3.example", "ftp://s3.example", "https://", "https://s3.example/path", "https://s3.example?a=b"]
)
def test_what_is_no_origin_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_endpoint(url)


def test_keys_in_an_endpoint_are_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="no keys") as refused:
        parse_endpoint("https://key:hidden@s3.example")
    assert "hidden" not in str(refused.value)
