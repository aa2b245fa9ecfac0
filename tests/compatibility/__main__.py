"""Writes the table of checks into docs/compatibility.md: `python -m tests.compatibility`."""

from tests.compatibility.checks import table
from tests.compatibility.ren_bd import BEGINS, CHECKS, DIFFERENCES, DOCUMENT, ENDS

text = DOCUMENT.read_text()
before, _, rest = text.partition(BEGINS)
_, _, after = rest.partition(ENDS)
DOCUMENT.write_text(f"{before}{BEGINS}{table(CHECKS, DIFFERENCES)}{ENDS}{after}")
