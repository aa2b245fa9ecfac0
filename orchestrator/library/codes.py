"""What a code looks like: sixteen characters that nobody mixes up when reading them out, in groups of four.

It has 78 random bits, so a plain hash keeps it.
"""

import hashlib
import re
import secrets

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 16
_SHOWN = 4
_BETWEEN = re.compile(r"[\s\u2010-\u2015_.-]+")
_CODE = re.compile(f"[{ALPHABET}]{{{_LENGTH}}}")


def new_code() -> str:
    """A new code as people read it: `ABCD-EFGH-JKMN-PQRS`."""
    characters = "".join(secrets.choice(ALPHABET) for _ in range(_LENGTH))
    return "-".join(characters[start : start + 4] for start in range(0, _LENGTH, 4))


def hash_of(text: str) -> str | None:
    """The hash of a code as somebody typed it, whatever its case and its gaps; None for what is no code."""
    code = _BETWEEN.sub("", text.strip()).upper()
    return hashlib.sha256(code.encode()).hexdigest() if _CODE.fullmatch(code) else None


def ending_of(code: str) -> str:
    """The part of a code by which its maker knows it again."""
    return code[-_SHOWN:]
