"""What a doctor says: `orchestrator doctor` and `gameserver-agent doctor` gather facts, and pure rules make findings of
them. Here is what both know of any machine.
"""

from diagnosis.finding import Finding, Level, exit_code, told
from diagnosis.rules import of_answer, of_certificate, of_clock, of_disk, of_program, of_public_url

__all__ = [
    "Finding",
    "Level",
    "exit_code",
    "of_answer",
    "of_certificate",
    "of_clock",
    "of_disk",
    "of_program",
    "of_public_url",
    "told",
]
