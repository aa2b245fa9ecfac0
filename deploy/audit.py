"""`make audit`: whether a package of `uv.lock` is known to be broken, as PyPI's advisories have it (by pip-audit).

Ends with 1 when one is, with 2 when nobody could be asked, and says of how many packages it could: no news is no good
news. No part of `make test`: a hole that was told of today is no mistake of today's change. CI says it all the same.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PIP_AUDIT = "pip-audit==2.10.1"
WITHIN_S = 60
UNASKED = 2


def main(uv: str) -> int:
    with tempfile.NamedTemporaryFile(suffix=".txt") as listed:
        words = (uv, "export", "--quiet", "--frozen", "--no-emit-project", "--all-extras", "--no-dev")
        subprocess.run((*words, "--output-file", listed.name), check=True, stdout=subprocess.DEVNULL)
        said = _asked(uv, Path(listed.name))
    if said is None:
        print("audit: the advisories could not be asked. Nothing is known, good or bad.")
        return UNASKED
    status, text = verdict(said)
    print(text)
    return status


def _asked(uv: str, listed: Path) -> Sequence[dict[str, Any]] | None:
    """What pip-audit says of each package; None when it got no answer."""
    words = (uv, "tool", "run", "--quiet", "--from", PIP_AUDIT, "pip-audit", "--requirement", str(listed))
    options = ("--disable-pip", "--progress-spinner", "off", "--format", "json")
    try:
        ended = subprocess.run((*words, *options), capture_output=True, text=True, timeout=WITHIN_S, check=False)
        return json.loads(ended.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, LookupError):
        return None


def verdict(packages: Sequence[dict[str, Any]]) -> tuple[int, str]:
    """The exit status and what to say of pip-audit's answers. Pure."""
    asked = [each for each in packages if "skip_reason" not in each]
    if not asked:
        return UNASKED, f"audit: none of {len(packages)} packages could be asked about. Nothing is known, good or bad."
    lines = [f"audit: {len(asked)} of {len(packages)} packages were asked about."]
    broken = [each for each in asked if each.get("vulns")]
    for each in broken:
        for hole in each["vulns"]:
            mends = ", ".join(hole.get("fix_versions") or ()) or "nothing yet"
            lines.append(f"  {each['name']} {each['version']}: {hole['id']}, mended by {mends}")
    lines += ["None of them is known to be broken."] if not broken else []
    return (1 if broken else 0), "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
