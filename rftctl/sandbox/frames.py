"""How the two sides of a sandbox talk: length-prefixed frames over pipes, and the reply of one call.

In: bytes. Out: bytes, checked. Nothing here is ever unpickled, evaluated or trusted.
A call's reply is `READY`, then one status byte and one IEEE double, then at most `MAX_DETAIL` bytes of text.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rftctl.sandbox.level import Status

READY = b"R"
"""Written by the child once it is confined, before any untrusted code runs."""

MAX_DETAIL = 400
"""Bytes of error text a call may send back."""

COMPILED = b"\0"
"""Marks a compiled program; no Python source can start with it."""

PIPE_BYTES = 1 << 20
"""Asked of the kernel for the replies of preparation; what any user may have (pipe(7))."""

MAX_PROGRAM = PIPE_BYTES - 1024
"""Bytes a child may send back while a grader is prepared: module names and the compiled program."""

START_INDEX = 0xFFFFFFFF
"""The index under which a worker reports that it is ready, or why its grader cannot be used."""

IMPORT_TIMEOUT_S = 120
"""Seconds that importing what a grader imports may take."""

_LENGTH = struct.Struct(">I")
_HEADER = struct.Struct(">cd")
_RESULT = struct.Struct(">IBdd")

STATUSES: tuple[Status, ...] = (
    "ok",
    "runtime_error",
    "timeout",
    "memory",
    "bad_value",
    "killed",
    "server_error",
    "forged",
)
_LETTERS: dict[bytes, Status] = {b"o": "ok", b"e": "runtime_error", b"m": "memory", b"v": "bad_value"}

OUT_OF_MEMORY = _HEADER.pack(b"m", 0.0)
"""A ready-made reply, since a child without memory cannot build one."""

MAX_REPLY = PIPE_BYTES
"""Bytes worth reading of what a child sent."""


def read_exactly(fd: int, size: int) -> bytes:
    """Read `size` bytes; raises EOFError when the other side closed."""
    parts = []
    while size > 0:
        part = os.read(fd, min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def write_all(fd: int, data: bytes) -> None:
    """Write every byte; raises BrokenPipeError when the other side closed."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def read_frame(fd: int) -> bytes:
    """Read one frame's payload; raises EOFError when the other side closed."""
    (size,) = _LENGTH.unpack(read_exactly(fd, _LENGTH.size))
    return read_exactly(fd, size)


def write_frame(fd: int, payload: bytes) -> None:
    """Write one frame; raises BrokenPipeError when the other side closed."""
    write_all(fd, _LENGTH.pack(len(payload)) + payload)


def pack_answer(letter: bytes, value: float, detail: bytes = b"", *, limit: int = MAX_DETAIL) -> bytes:
    """Make the reply of a call in the child."""
    return _HEADER.pack(letter, value) + detail[:limit]


def unpack_answer(data: bytes, *, limit: int = MAX_DETAIL) -> tuple[Status, float, bytes] | None:
    """Read what a child sent after `READY`; None when it is not a reply of the agreed form."""
    if not _HEADER.size <= len(data) <= _HEADER.size + limit:
        return None
    letter, value = _HEADER.unpack_from(data)
    status, detail = _LETTERS.get(letter), data[_HEADER.size :]
    if status is None or (status == "ok" and detail):
        return None
    return status, value, detail


def pack_result(index: int, status: Status, value: float, seconds: float, detail: bytes) -> bytes:
    """Make the payload by which a worker reports a finished call."""
    return _RESULT.pack(index, STATUSES.index(status), value, seconds) + detail[:MAX_DETAIL]


def unpack_result(payload: bytes) -> tuple[int, Status, float, float, str]:
    """Read a finished call: index, status, value, seconds, detail; raises ValueError on any other form."""
    if not _RESULT.size <= len(payload) <= _RESULT.size + MAX_DETAIL:
        raise ValueError("a result frame has an impossible length")
    index, code, value, seconds = _RESULT.unpack_from(payload)
    if code >= len(STATUSES):
        raise ValueError("a result frame has an unknown status")
    return index, STATUSES[code], value, seconds, payload[_RESULT.size :].decode("utf-8", "replace")
