"""What an operator decides, read from `ORCHESTRATOR_*` in the environment. It decides nothing by itself."""

from collections.abc import Sequence
from email.utils import parseaddr
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from orchestrator.mail.smtp_url import parse_smtp_url
from orchestrator.saves.s3_location import parse_endpoint, parse_store_url

Urls = Annotated[Sequence[str], NoDecode]
Names = Annotated[tuple[str, ...], NoDecode]


def _sqlite_in_data(values: dict[str, Any]) -> str:
    return f"sqlite+aiosqlite:///{values['data'].absolute() / 'orchestrator.sqlite3'}"


_SECRETS = ("database_url", "smtp_url", "google_client_secret", "turn_secret", "metrics_token")


def _content(values: dict[str, Any], name: str) -> str:
    """Of the file that holds this secret, without the white space around it."""
    if values.get(name):
        raise ValueError(f"give {name} or {name}_file, not both")
    try:
        return Path(values[f"{name}_file"]).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{name}_file cannot be read: {type(error).__name__}") from error


class Settings(BaseSettings):
    """`data` is the folder of everything this replica keeps; `public_url` is how browsers reach it, without a slash.
    What the `trusted_proxies` (addresses or networks, with commas between them) say of who asks is believed.

    Saves lie in a folder of `data`, or below `store_url` (`s3://bucket/prefix`) at `store_endpoint`, which is AWS
    unless said otherwise; keys come from where AWS's own tools look for them. See docs/saves-in-s3.md.

    `registry` (`host:port/prefix`) is where `games add` pushes images to; `insecure_registries`, with commas between
    them, are spoken to by plain HTTP, and those of this machine always are; see docs/registry.md. `base_image` is what
    publishers' games are laid on: a name in that registry, or in the engine; see docs/publishers.md.

    `stun_urls` and `turn_urls`, with commas between them, are handed to pages; see docs/relays.md.

    Letters leave through the server of `smtp_url` (`smtps://user:password@host`) as from `mail_from`; without one they
    are files in the folder `mail` of `data`. Without `open_sign_up` accounts are made by the operator alone. See
    docs/accounts.md.

    Webhooks go to public addresses by https, and also to the `webhook_networks`, with commas between them; see
    docs/webhooks.md.

    Whoever has the `metrics_token` may read `/metrics`; without one this machine may; see docs/metrics.md.

    A replica that is told to end serves on for `drain_s` while proxies find out; see docs/operations.md.

    With a `google_client_id` people may sign in with Google, or with the OpenID provider that `google_issuer` names.

    What is secret may lie in a file that `…_file` names, in place of the environment, and is read at the start. See
    docs/operations.md.
    """

    model_config = SettingsConfigDict(
        env_prefix="ORCHESTRATOR_", env_ignore_empty=True, frozen=True, hide_input_in_errors=True
    )

    data: Path = Path("data")
    database_url: str = Field(default_factory=_sqlite_in_data, repr=False)  # it may hold a password
    database_url_file: Path | None = None
    public_url: str = "http://127.0.0.1:8000"
    trusted_proxies: Names = ("127.0.0.1/32", "::1/128")
    store_url: str = ""
    store_endpoint: str = ""
    store_region: str = ""
    registry: str | None = None
    insecure_registries: Names = ()
    base_image: str = "playhouse/runtime:1"
    stun_urls: Urls = ()
    turn_urls: Urls = ()
    turn_secret: SecretStr = SecretStr("")
    turn_secret_file: Path | None = None
    smtp_url: SecretStr = SecretStr("")
    smtp_url_file: Path | None = None
    mail_from: str = ""
    open_sign_up: bool = True
    webhook_networks: Names = ()
    metrics_token: SecretStr = SecretStr("")
    metrics_token_file: Path | None = None
    drain_s: float = Field(default=5.0, ge=0, le=120)
    google_client_id: str = ""
    google_client_secret: SecretStr = SecretStr("")
    google_client_secret_file: Path | None = None
    google_issuer: str = "https://accounts.google.com"

    @model_validator(mode="before")
    @classmethod
    def _read_secrets(cls, values: dict[str, Any]) -> dict[str, Any]:
        return values | {name: _content(values, name) for name in _SECRETS if values.get(f"{name}_file")}

    @field_validator("store_url")
    @classmethod
    def _is_a_bucket(cls, value: str) -> str:
        if value:
            parse_store_url(value)
        return value

    @field_validator("store_endpoint")
    @classmethod
    def _is_an_s3_server(cls, value: str) -> str:
        return parse_endpoint(value) if value else value

    @field_validator(
        "stun_urls", "turn_urls", "insecure_registries", "trusted_proxies", "webhook_networks", mode="before"
    )
    @classmethod
    def _are_listed(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: Sequence[str]) -> Sequence[str]:
        try:
            return tuple(each if each == "*" else str(ip_network(each, strict=False)) for each in value)
        except ValueError as error:
            raise ValueError(f"must be addresses or networks: {error}") from error

    @field_validator("stun_urls", "turn_urls")
    @classmethod
    def _are_ice_urls(cls, value: Sequence[str]) -> Sequence[str]:
        if not all(url.startswith(("stun:", "stuns:", "turn:", "turns:")) for url in value):
            raise ValueError("must begin with stun:, stuns:, turn: or turns:")
        return value

    @field_validator("webhook_networks")
    @classmethod
    def _are_networks_for_webhooks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ip_network(network)
        return value

    @model_validator(mode="after")
    def _relays_have_a_secret(self) -> "Settings":
        if self.turn_urls and not self.turn_secret.get_secret_value():
            raise ValueError("turn_urls need a turn_secret, or a turn_secret_file")
        return self

    @field_validator("smtp_url")
    @classmethod
    def _is_a_mail_server(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value():
            parse_smtp_url(value.get_secret_value())
        return value

    @field_validator("mail_from")
    @classmethod
    def _is_a_sender(cls, value: str) -> str:
        if value and (not value.isprintable() or not parseaddr(value)[1].partition("@")[2]):
            raise ValueError("must be an e-mail address, such as Playhouse <play@example.org>")
        return value

    @model_validator(mode="after")
    def _letters_have_a_sender(self) -> "Settings":
        if self.has_mail_server and not self.mail_from:
            raise ValueError("smtp_url needs a mail_from")
        return self

    @field_validator("google_issuer")
    @classmethod
    def _is_an_issuer(cls, value: str) -> str:
        if not value.startswith("https://"):
            raise ValueError("must begin with https://")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _google_has_a_secret(self) -> "Settings":
        if self.google_client_id and not self.google_client_secret.get_secret_value():
            raise ValueError("google_client_id needs a google_client_secret")
        return self

    @property
    def is_alone(self) -> bool:
        """Whether no other replica can have this database."""
        return self.database_url.startswith("sqlite")

    @property
    def has_google(self) -> bool:
        """Whether people may come in through Google's door."""
        return bool(self.google_client_id)

    @property
    def has_mail_server(self) -> bool:
        """Whether letters reach people; without, they are files that an operator reads."""
        return bool(self.smtp_url.get_secret_value())

    def networks_for_webhooks(self) -> Sequence[IPv4Network | IPv6Network]:
        """The private networks that webhooks may reach."""
        return [ip_network(network) for network in self.webhook_networks]

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
