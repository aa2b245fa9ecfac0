"""Whatever an agent says, or a library in it, is one line of JSON with the ids of whoever it is about."""

import json
import subprocess
import sys

SAYS = """
import logging
import structlog
from gameserver_agent.logging import configure_logging
configure_logging(verbose=False)
structlog.contextvars.bind_contextvars(host="hst1")
structlog.get_logger().info("session.moved", session="ses1")
try:
    raise ValueError("it broke")
except ValueError:
    logging.getLogger("aiohttp.server").exception("Error handling %s", "request")
logging.getLogger("urllib3").info("not worth a line")
"""


def test_what_an_agent_and_its_libraries_say_is_json_with_ids() -> None:
    said = subprocess.run((sys.executable, "-c", SAYS), capture_output=True, text=True, timeout=60, check=True).stderr
    ours, librarys = (json.loads(line) for line in said.splitlines())
    assert {"event": "session.moved", "level": "info", "host": "hst1", "session": "ses1"}.items() <= ours.items()
    told = {"event": "Error handling request", "level": "error", "host": "hst1", "logger": "aiohttp.server"}
    assert told.items() <= librarys.items()
    assert librarys["exception"].endswith("ValueError: it broke")
    assert ours.keys() & librarys.keys() >= {"timestamp"}
