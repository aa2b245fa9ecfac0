"""What an operator decides, read from `ORCHESTRATOR_*` in the environment. It decides nothing by itself."""

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def _sqlite_in_data(values: dict[str, Any]) -> str:
    return f"sqlite+aiosqlite:///{values['data'].absolute() / 'orchestrator.sqlite3'}"


class Settings(BaseSettings):
    """`data` is the folder of everything this replica keeps; `public_url` is how browsers reach it, without a slash."""

    model_config = SettingsConfigDict(env_prefix="ORCHESTRATOR_", env_ignore_empty=True, frozen=True)

    data: Path = Path("data")
    database_url: str = Field(default_factory=_sqlite_in_data)
    public_url: str = "http://127.0.0.1:8000"

    @field_validator("public_url")
    @classmethod
    def _is_an_origin(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach us over TLS only, so that cookies may be marked `Secure`."""
        return self.public_url.startswith("https://")
