"""How `make docs` makes a site of the Markdown of this repository.

Sphinx reads the root of the repository, so pages are found and linked where they lie, and a link works on a forge as it
does here. What is neither at the root, in docs nor in bench is not looked at; a page outside `ORDER` is an error.
"""

import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from docs.site.draw import drawn  # noqa: E402 - found only now

FRONT = "docs/README"
ORDER: dict[str, dict[str, list[str]]] = {
    FRONT: {
        "Guides": [f"docs/guides/{guide}" for guide in ("player", "publisher", "tenant", "host-operator", "operator")],
        "Figures": ["docs/benchmarks", "docs/capacity", "docs/simulator", "docs/comparison"],
        "The project": [
            "The front page </README>",
            "ARCHITECTURE",
            "docs/compatibility",
            "docs/threat-model",
            "docs/decisions/README",
            "CONTRIBUTING",
            "CHANGELOG",
        ],
    },
    "docs/guides/player": {"": ["docs/playing"]},
    "docs/guides/publisher": {"": ["docs/publishers"]},
    "docs/guides/tenant": {"": ["docs/arena-first-match", "docs/arena", "docs/webhooks"]},
    "docs/guides/host-operator": {"": ["docs/operations", "docs/relays"]},
    "docs/guides/operator": {
        "": [
            "docs/deploying",
            "docs/accounts",
            "docs/games",
            "docs/registry",
            "docs/saves-in-s3",
            "docs/backup",
            "docs/metrics",
            "docs/traces",
        ]
    },
    "docs/benchmarks": {"": ["bench/README"]},
    "docs/decisions/README": {
        "": sorted(f"docs/decisions/{page.stem}" for page in (ROOT / "docs/decisions").glob("0*.md"))
    },
}
"""What stands below a page in the navigation, by headings."""

project = "Playhouse"
author = "the Playhouse contributors"
version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]

extensions = ["myst_parser"]
root_doc = FRONT
include_patterns = ["*.md", "bench/README.md", "docs/**.md"]
exclude_patterns = [
    f"{entry.name}/**" for entry in ROOT.iterdir() if entry.is_dir() and entry.name not in {"bench", "docs"}
]
exclude_patterns += ["bench/results", "docs/images"]

myst_heading_anchors = 4  # as forges make them: links to headings are checked
myst_fence_as_directive = ["mermaid"]

html_theme = "furo"
html_title = "Playhouse"
html_static_path = ["static"]
html_css_files = ["playhouse.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_additional_pages = {"index": "redirect.html"}
html_favicon = str(ROOT / "orchestrator/web/static/img/favicon.svg")
html_logo = html_favicon
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#a31f4d",
        "color-brand-content": "#961a46",
        "color-background-primary": "#ffffff",
        "color-background-secondary": "#f2f1f6",
        "color-background-border": "#d9d5e4",
        "color-foreground-primary": "#1b1630",
        "color-foreground-secondary": "#585170",
        "font-stack": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', Ubuntu, Cantarell, sans-serif",
    },
    "dark_css_variables": {
        "color-brand-primary": "#ff9fb9",
        "color-brand-content": "#ff9fb9",
        "color-background-primary": "#13101f",
        "color-background-secondary": "#1d192c",
        "color-background-border": "#352f4a",
        "color-foreground-primary": "#f2eef9",
        "color-foreground-secondary": "#b0a9c4",
    },
}
templates_path = ["templates"]


class Drawing(SphinxDirective):
    """A fence of Mermaid, which forges draw themselves, as the picture that `docs/site/draw.py` made of it."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        picture = drawn("\n".join(self.content))
        if not picture.exists():
            raise self.error("This drawing was changed: `make drawings` draws it anew.")
        image = nodes.image(uri=f"/{picture.relative_to(ROOT)}", alt="Drawing")
        return [nodes.container("", image, classes=["drawing"])]


def setup(app: Sphinx) -> None:
    """What Sphinx calls."""
    app.add_directive("mermaid", Drawing)
    app.connect("source-read", _with_navigation)


def _with_navigation(_app: Sphinx, page: str, source: list[Any]) -> None:
    """Sphinx wants to read the order in the pages, where a forge would show it as code."""
    for heading, below in ORDER.get(page, {}).items():
        lines = [
            "",
            "```{toctree}",
            ":hidden:",
            *([f":caption: {heading}"] if heading else []),
            "",
            *(name if name.endswith(">") else f"/{name}" for name in below),
            "```",
            "",
        ]
        source[0] += "\n".join(lines)
