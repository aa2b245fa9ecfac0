"""`make drawings` draws what the pages say in Mermaid, for the site; a forge draws it by itself.

Mermaid (MIT) comes from npm into a folder that is thrown away, and draws in Playwright's Chromium. A picture is named
by what it draws: a drawing that was changed and not drawn anew has no picture, and the site is not built.
"""

import hashlib
import re
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
DRAWINGS = ROOT / "docs" / "images" / "drawings"
MERMAID = "mermaid@11.17.2"
LOOKS = {
    "theme": "neutral",
    "fontFamily": "system-ui, sans-serif",
    "htmlLabels": False,
    "flowchart": {"htmlLabels": False},
}


def drawn(source: str) -> Path:
    """Where the picture of a drawing lies, if it was drawn."""
    return DRAWINGS / f"{hashlib.sha256(source.strip().encode()).hexdigest()[:16]}.svg"


def sources() -> list[str]:
    """All drawings of all pages that the site shows."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return [
        source
        for page in pages
        for source in re.findall(r"^```mermaid\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    ]


def main() -> None:
    """Draw what has no picture, and remove pictures of what is gone."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  (the site's builder needs no browser)

    wanted = {drawn(source): source for source in sources()}
    DRAWINGS.mkdir(exist_ok=True)
    for picture in set(DRAWINGS.glob("*.svg")) - set(wanted):
        picture.unlink()
    missing = {picture: source for picture, source in wanted.items() if not picture.exists()}
    if not missing:
        return
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        subprocess.run(
            ("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, MERMAID), check=True
        )
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page()
        page.add_script_tag(path=f"{folder}/node_modules/mermaid/dist/mermaid.min.js")
        page.evaluate("looks => mermaid.initialize({ startOnLoad: false, ...looks })", LOOKS)
        for picture, source in missing.items():
            picture.write_text(
                page.evaluate("async source => (await mermaid.render('drawing', source)).svg", source) + "\n"
            )
            print(f"drawn: {picture.relative_to(ROOT)}")
        browser.close()


if __name__ == "__main__":
    main()
