"""The base of every wire model: immutable, tolerant of fields that a newer peer adds."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or not url.isprintable():
        raise ValueError("must be http(s) with a host and without a user")
    if "?" in url or "#" in url:
        raise ValueError("must have no query and no fragment")
    return url


PublicUrl = Annotated[str, Field(max_length=500), AfterValidator(_address)]


class WireModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)
