"""`python -m tests.fuzz.guided NAME SECONDS FOLDER`: one target, guided by which code its inputs reach (libFuzzer, by
atheris). Ends with 0 when nothing was found; what was is in FOLDER.
"""

import importlib
import logging
import sys
from pathlib import Path
from typing import Any

MOST_BYTES = 16 * 1024
MOST_MEMORY_MB = 3000
SLOWEST_S = 20
OURS = ("agent_protocol", "gameserver_agent", "matches", "orchestrator", "streaming")
OTHERS = ("aioice", "aiortc", "engineio", "jwt", "socketio", "tarfile", "urllib", "yarl")


def main(name: str, seconds: str, folder: Path) -> None:
    atheris: Any = importlib.import_module("atheris")  # `make fuzz` alone installs it
    with atheris.instrument_imports(include=[*OURS, *OTHERS], enable_loader_override=False):
        target = importlib.import_module("tests.fuzz.targets").TARGETS[name]
    corpus = folder / f"{name}-corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    words = folder / f"{name}.words"
    words.write_text("".join(f'"{_escaped(word[:64])}"\n' for word in target.words))
    logging.disable()
    options = [f"-max_total_time={seconds}", f"-max_len={MOST_BYTES}", f"-rss_limit_mb={MOST_MEMORY_MB}"]
    options += [f"-timeout={SLOWEST_S}", f"-artifact_prefix={folder}/{name}-", "-print_final_stats=1"]
    options += [f"-dict={words}"] if target.words else []
    atheris.Setup([sys.argv[0], *options, str(corpus)], target.run)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join("\\x" + format(byte, "02x") for byte in word)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
