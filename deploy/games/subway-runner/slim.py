"""Inside the new root: compiles the game, since it will never be able to, and removes what it never loads.

numpy is what pygame offers its arrays by, and the algebra behind numpy is larger than all the rest.
"""

import compileall
import shutil
from pathlib import Path

GAME = Path("/usr/share/games/subway_runner")
PYTHON = Path("/usr/lib/python3/dist-packages")
UNUSED = (
    *PYTHON.glob("numpy*"),
    *(PYTHON / "pygame" / name for name in ("docs", "examples", "tests")),
    *Path("/usr/lib").glob("*-linux-gnu/blas"),
    *Path("/usr/lib").glob("*-linux-gnu/lapack"),
    Path("/usr/include"),
)

for folder in UNUSED:
    shutil.rmtree(folder, ignore_errors=True)
if not compileall.compile_dir(GAME, quiet=1):
    raise SystemExit("the game does not compile")
