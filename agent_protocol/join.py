"""How a machine becomes a host: a one-time token buys the host its identity."""

from pydantic import Field

from agent_protocol.model import PublicUrl, WireModel


class JoinRequest(WireModel):
    """`POST /api/agents/join`. `public_key` is the raw 32-byte Ed25519 key, base64url without padding."""

    token: str
    name: str = Field(min_length=1, max_length=100)
    public_key: str
    public_url: PublicUrl
    labels: dict[str, str] = Field(default_factory=dict)


class JoinResponse(WireModel):
    """`keys` is the JWKS that signs stream tokens; every sync answer renews it."""

    host_id: str
    installation: str
    keys: dict[str, object]
