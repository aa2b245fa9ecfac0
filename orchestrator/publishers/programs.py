"""What a file is to a machine, told from its first bytes. Pure.

ELF's header is that of the System V ABI: magic, class and byte order in the first six bytes, the machine at byte 18.
"""

from enum import StrEnum

HEAD_BYTES = 256

_ELF = b"\x7fELF"
_CLASS_64, _LITTLE_ENDIAN, _X86_64 = 2, 1, 0x3E
_MACH_O = (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xfe\xed\xfa\xcf", b"\xfe\xed\xfa\xce", b"\xca\xfe\xba\xbe")


class Program(StrEnum):
    """`OTHER_LINUX` is one for another processor."""

    LINUX = "linux"
    OTHER_LINUX = "other_linux"
    WINDOWS = "windows"
    MACOS = "macos"
    SCRIPT = "script"
    NONE = "none"


def program_of(head: bytes) -> Program:
    """`head` is how the file begins: `HEAD_BYTES`, or all of a shorter one."""
    if head.startswith(_ELF) and len(head) >= 20:
        machine = int.from_bytes(head[18:20], "little")
        is_ours = head[4] == _CLASS_64 and head[5] == _LITTLE_ENDIAN and machine == _X86_64
        return Program.LINUX if is_ours else Program.OTHER_LINUX
    if head.startswith(b"MZ"):
        return Program.WINDOWS
    if head.startswith(_MACH_O):
        return Program.MACOS
    return Program.SCRIPT if head.startswith(b"#!") else Program.NONE


def has_windows_line_end(head: bytes) -> bool:
    """Of a script: its interpreter would be looked for under a name that ends in a carriage return."""
    return head.partition(b"\n")[0].endswith(b"\r")
