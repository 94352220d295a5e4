"""Kills a command, or fails its call, at the Nth write, fsync, rename, send or receive.

In: a `Command` and an `Act`. Out: its `Outcome`, and the calls that were counted. Linux on x86-64, by ptrace,
with a seccomp filter so that only the calls that matter stop; no tool and no privilege is needed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import signal
import struct
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.faults.forker import Command, Outcome, output, start

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IS_SUPPORTED = platform.system() == "Linux" and platform.machine() == "x86_64"

FILE_CALLS = {1: "write", 18: "pwrite64", 20: "writev", 296: "pwritev", 77: "ftruncate", 285: "fallocate"}
SYNC_CALLS = {74: "fsync", 75: "fdatasync"}
NAME_CALLS = {82: "rename", 264: "renameat", 316: "renameat2", 86: "link", 87: "unlink", 263: "unlinkat"}
LINE_CALLS = {42: "connect", 44: "sendto", 45: "recvfrom", 46: "sendmsg", 47: "recvmsg"}
CALLS = FILE_CALLS | SYNC_CALLS | NAME_CALLS | LINE_CALLS

_TRACEME, _CONT, _GETREGS, _SETREGS, _SYSCALL, _SETOPTIONS = 0, 7, 12, 13, 24, 0x4200
_EVENT_FORK, _EVENT_VFORK, _EVENT_CLONE, _EVENT_EXEC, _EVENT_SECCOMP = 1, 2, 3, 4, 7
_OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x80 | 0x100000
_WALL = 0x40000000
_X86_64 = 0xC000003E
_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long
_Registers = ctypes.c_ulonglong * 27
_RAX, _RDI, _ORIG_RAX = 10, 14, 15


@dataclass(frozen=True)
class Call:
    """A counted call: its name and what it was made on."""

    name: str
    on: str

    @property
    def is_file(self) -> bool:
        """Whether it is about a file of the home."""
        return self.on != "line"


@dataclass(frozen=True)
class Act:
    """What to do at which counted call.

    Attributes:
        at: the call's number, from 1; 0 only counts.
        error: the errno to give; None kills.
        is_after: kill when the call is done, not before it.
        stays: fail all later calls too (a full disk).
        counts: which calls count.
    """

    at: int = 0
    error: int | None = None
    is_after: bool = False
    stays: bool = False
    counts: Callable[[Call], bool] = lambda _: True


@dataclass
class Trace:
    """What came of a traced command."""

    outcome: Outcome
    calls: list[Call] = field(default_factory=list)

    n_failed: int = 0

    @property
    def was_hit(self) -> bool:
        """Whether the act came to pass."""
        return self.outcome.code is None or self.n_failed > 0


def trace(command: Command, act: Act) -> Trace:
    """Run a command under the tracer; one at a time, from the thread that forks."""
    pid = start(replace(command, under=_ask_to_be_traced))
    return _Tracer(pid, command, act).follow()


def _ask_to_be_traced() -> None:
    _libc.ptrace(_TRACEME, 0, None, None)
    os.kill(os.getpid(), signal.SIGSTOP)
    _libc.prctl(38, 1, 0, 0, 0)
    program = _filter()
    buffer = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    if _libc.prctl(22, 2, ctypes.c_char_p(head), 0, 0):
        raise OSError(ctypes.get_errno(), "no seccomp filter here")


def _filter() -> bytes:
    """Stop at the calls that matter; let all others through at full speed."""
    allow, stop = 0x7FFF0000, 0x7FF00000
    lines = [(0x20, 0, 0, 4), (0x15, 1, 0, _X86_64), (0x06, 0, 0, allow), (0x20, 0, 0, 0)]
    left = len(CALLS)
    for number in CALLS:
        lines.append((0x15, left, 0, number))
        left -= 1
    lines += [(0x06, 0, 0, allow), (0x06, 0, 0, stop)]
    return b"".join(struct.pack("HBBI", *line) for line in lines)


class _Tracer:
    def __init__(self, pid: int, command: Command, act: Act) -> None:
        self._pid, self._command, self._act = pid, command, act
        self._began = time.monotonic()
        self._lines: set[int] = set()
        self._strangers: set[int] = set()
        self._known = {pid}
        self.result = Trace(Outcome(command, None, "", "", 0.0))
        self._code: int | None = None
        self._is_hung = False

    def follow(self) -> Trace:
        os.waitpid(self._pid, _WALL)
        self._ptrace(_SETOPTIONS, self._pid, data=_OPTIONS)
        self._go(self._pid)
        signal.signal(signal.SIGALRM, self._too_late)
        signal.setitimer(signal.ITIMER_REAL, self._command.timeout_s)
        try:
            while self._step():
                pass
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        out, err = (_read(output(self._command, name)) for name in ("stdout", "stderr"))
        seconds = time.monotonic() - self._began
        self.result.outcome = Outcome(self._command, self._code, out, err, seconds, self._is_hung)
        return self.result

    def _too_late(self, *_: object) -> None:
        self._is_hung = True
        os.kill(self._pid, signal.SIGKILL)

    def _step(self) -> bool:
        """Wait for the next stop and deal with it; False at the end of the command."""
        tid, status = os.waitpid(-1, _WALL)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            if tid != self._pid:
                return True
            code = os.waitstatus_to_exitcode(status)
            self._code = None if code == -signal.SIGKILL else code
            return False
        # Killed meanwhile: its end is reported next.
        with contextlib.suppress(ProcessLookupError):
            self._stopped(tid, os.WSTOPSIG(status), status >> 16)
        return True

    def _stopped(self, tid: int, number: int, event: int) -> None:
        if event in (_EVENT_FORK, _EVENT_VFORK):
            self._strangers.add(self._message(tid))
            self._go(tid)
        elif event == _EVENT_SECCOMP:
            self._call(tid)
        elif event or number == signal.SIGTRAP:
            self._go(tid)
        elif number == signal.SIGTRAP | 0x80:
            # Only a call that was let through to be killed after it gets here.
            os.kill(self._pid, signal.SIGKILL)
        elif number == signal.SIGSTOP and tid not in self._known:
            self._known.add(tid)
            self._go(tid)
        else:
            self._ptrace(_CONT, tid, data=number)

    def _call(self, tid: int) -> None:
        registers = _Registers()
        self._ptrace(_GETREGS, tid, data=ctypes.addressof(registers))
        call = self._name(tid, int(registers[_ORIG_RAX]), int(registers[_RDI]))
        if call is None or not self._act.counts(call):
            self._go(tid)
            return
        self.result.calls.append(call)
        count, act = len(self.result.calls), self._act
        if not act.at or not (count == act.at or (act.stays and count > act.at)):
            self._go(tid)
        elif act.error is not None:
            self.result.n_failed += 1
            registers[_ORIG_RAX], registers[_RAX] = 2**64 - 1, 2**64 - act.error
            self._ptrace(_SETREGS, tid, data=ctypes.addressof(registers))
            self._go(tid)
        elif act.is_after:
            self._ptrace(_SYSCALL, tid)
        else:
            os.kill(self._pid, signal.SIGKILL)

    def _name(self, tid: int, number: int, fd: int) -> Call | None:
        """Name a call of the command itself on the line or in its home; None for all others."""
        name = CALLS[number]
        if tid in self._strangers:
            return None
        if number in LINE_CALLS:
            if name == "connect":
                self._lines.add(fd)
            return Call(name, "line") if fd in self._lines else None
        if number in NAME_CALLS:
            return Call(name, "name")
        try:
            place = os.readlink(f"/proc/{self._pid}/fd/{fd}")
        except OSError:
            return None
        home = str(self._command.home)
        if place in (f"{home}.stdout", f"{home}.stderr"):
            return Call(name, "line")
        return Call(name, place[len(home) + 1 :]) if place.startswith(f"{home}/") else None

    def _message(self, tid: int) -> int:
        value = ctypes.c_ulong()
        self._ptrace(0x4201, tid, data=ctypes.addressof(value))
        return value.value

    def _go(self, tid: int) -> None:
        self._ptrace(_CONT, tid)

    @staticmethod
    def _ptrace(request: int, tid: int, *, data: int = 0) -> None:
        if _libc.ptrace(request, tid, None, data) < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def _read(path: Path) -> str:
    return path.read_text("utf-8", "replace") if path.exists() else ""
