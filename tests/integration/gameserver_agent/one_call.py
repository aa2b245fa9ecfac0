"""Programs of one system call, made of bytes: a game in an image without a compiler can try what a kernel would do.

Each ends with the error number of its call, 0 where that succeeded (x86-64 Linux, System V ABI).
"""

import struct

_BASE = 0x400000
_HEADERS_BYTES = 64 + 56


def program(number: int, *arguments: int) -> bytes:
    """Calls `number` with up to four arguments."""
    code = b"\xb8" + struct.pack("<I", number)
    for load, value in zip((b"\x48\xbf", b"\x48\xbe", b"\x48\xba", b"\x49\xba"), arguments, strict=False):
        code += load + struct.pack("<Q", value)
    return _executable(code + b"\x45\x31\xc0" + b"\x45\x31\xc9" + b"\x0f\x05" + _tail())


def foreign_program(number: int) -> bytes:
    """The same in the calling convention of i386, by which the arguments of a call are other registers."""
    return _executable(b"\xb8" + struct.pack("<I", number) + b"\xcd\x80" + _tail())


def _tail() -> bytes:
    """exit(eax < 0 ? -eax : 0)."""
    return (
        b"\x85\xc0"  # test eax, eax
        b"\x78\x04"  # js: to the negation
        b"\x31\xff"  # xor edi, edi
        b"\xeb\x04"  # jmp: to the exit
        b"\xf7\xd8"  # neg eax
        b"\x89\xc7"  # mov edi, eax
        b"\xb8\x3c\x00\x00\x00"  # mov eax, 60
        b"\x0f\x05"  # syscall
    )


def _executable(code: bytes) -> bytes:
    size = _HEADERS_BYTES + len(code)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, _BASE + _HEADERS_BYTES, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return header + segment + code
