"""Which STUN and TURN servers a page may use, with credentials that expire by themselves. Pure.

Credentials are those of coturn's `use-auth-secret` (draft-uberti-behave-turn-rest-00): the user name is the moment of
expiry and who it is for, the password its HMAC-SHA1 under the secret that the relay knows as well.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict


class IceServer(BaseModel):
    """As `RTCPeerConnection` takes it: STUN servers have no user name and no credential."""

    model_config = ConfigDict(frozen=True)

    urls: list[str]
    username: str = ""
    credential: str = ""


@dataclass(frozen=True, slots=True)
class Relays:
    """`turn_secret` is what this installation and its relays share."""

    stun_urls: Sequence[str] = ()
    turn_urls: Sequence[str] = ()
    turn_secret: str = ""

    def ice_servers(self, who: str, until: datetime) -> tuple[IceServer, ...]:
        """For `who` alone, and for new relayed connections until this moment."""
        servers: list[IceServer] = []
        if self.stun_urls:
            servers.append(IceServer(urls=list(self.stun_urls)))
        if self.turn_urls:
            username = f"{int(until.timestamp())}:{who}"
            digest = hmac.new(self.turn_secret.encode(), username.encode(), hashlib.sha1).digest()
            credential = base64.b64encode(digest).decode()
            servers.append(IceServer(urls=list(self.turn_urls), username=username, credential=credential))
        return tuple(servers)
