"""One deployment's identity and the keys that everything it signs goes back to."""

from orchestrator.installation.service import Installation, load_or_create

__all__ = ["Installation", "load_or_create"]
