"""Imports every slice's tables, so that `Base.metadata` is whole. Whoever needs the metadata imports this."""

from orchestrator.accounts import models as accounts
from orchestrator.arena import models as arena
from orchestrator.audit import models as audit
from orchestrator.catalog import models as catalog
from orchestrator.database.types import Base
from orchestrator.fleet import models as fleet
from orchestrator.installation import models as installation
from orchestrator.library import models as library
from orchestrator.limits import models as limits
from orchestrator.pictures import models as pictures
from orchestrator.play import models as play
from orchestrator.publishers import models as publishers
from orchestrator.saves import models as saves
from orchestrator.tenants import models as tenants
from orchestrator.webhooks import models as webhooks

__all__ = [
    "accounts",
    "arena",
    "audit",
    "catalog",
    "fleet",
    "installation",
    "library",
    "limits",
    "metadata",
    "pictures",
    "play",
    "publishers",
    "saves",
    "tenants",
    "webhooks",
]

metadata = Base.metadata
