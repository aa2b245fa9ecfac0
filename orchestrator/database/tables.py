"""Imports every slice's tables, so that `Base.metadata` is whole. Whoever needs the metadata imports this."""

from orchestrator.accounts import models as accounts
from orchestrator.catalog import models as catalog
from orchestrator.database.types import Base
from orchestrator.installation import models as installation

__all__ = ["accounts", "catalog", "installation", "metadata"]

metadata = Base.metadata
