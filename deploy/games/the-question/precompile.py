"""Compiles the game's scripts and Ren'Py's own, once, inside the new root.

Debian's Ren'Py can read `.rpyc` files and has its writing of them taken out, so that each start parses 120 scripts:
half of the time to the title screen. It still has the parts that write the format; this joins them again.
"""

import hashlib
import shutil
import sys
from pathlib import Path

RENPY = Path("/usr/share/games/renpy")
GAME = RENPY / "the_question"

sys.path.insert(0, str(RENPY))
sys.argv = [str(RENPY / "renpy.py"), str(GAME), "compile"]
__file__ = sys.argv[0]

import renpy  # noqa: E402  # found only now

_import_all = renpy.import_all


def _import_all_and_write_compiled() -> None:
    _import_all()
    from renpy.compat.pickle import dumps  # noqa: PLC0415  # exists only now

    load_file = renpy.script.Script.load_file

    def load_and_write(script, folder, name):  # Ren'Py's own signature, without types
        data, statements = load_file(script, folder, name)
        if data is not None and folder and not name.endswith("c"):
            source = Path(folder, name)
            stem = name.removesuffix("_ren.py") + ".rpy" if name.endswith("_ren.py") else name
            with Path(folder, stem + "c").open("wb") as compiled:
                script.write_rpyc_header(compiled)
                for slot in (1, 2):  # before and after static transforms; the reader takes the second
                    script.write_rpyc_data(compiled, slot, dumps((data, statements)))
                script.write_rpyc_md5(compiled, hashlib.md5(source.read_bytes()).digest())
        return data, statements

    renpy.script.Script.load_file = load_and_write


renpy.import_all = _import_all_and_write_compiled
try:
    exec(compile(Path(__file__).read_text(), __file__, "exec"), globals())  # Ren'Py looks itself up in __main__
finally:
    shutil.rmtree(GAME / "game" / "saves", ignore_errors=True)
    (GAME / "log.txt").unlink(missing_ok=True)
