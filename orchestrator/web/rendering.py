"""Templates: where they are, how they are filled in, and how they name static files. It never decides who sees what.

Every value is escaped, and a name that a page forgot to pass is an error instead of an empty place.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template.config import TemplateConfig

from orchestrator.web import wording
from orchestrator.web.static_files import StaticFiles

FOLDER = Path(__file__).parent
STATIC = StaticFiles(FOLDER / "static")
_FILTERS: Mapping[str, Any] = {
    "ago": wording.ago_words,
    "bytes": wording.bytes_words,
    "figure": wording.figure,
    "moment": wording.moment_words,
    "month": wording.month_words,
    "seconds": wording.seconds_words,
}


def template_config() -> TemplateConfig[JinjaTemplateEngine]:
    """For the application that answers with our `Template`s."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_FILTERS)
    engine = JinjaTemplateEngine(engine_instance=environment)
    engine.register_template_callable("static", _static)
    return TemplateConfig(instance=engine)


def _static(_: Mapping[str, Any], /, name: str) -> str:
    """In a template, `static("css/base.css")` is the address of that file."""
    return STATIC.address_of(name)
