"""The worker: a confined process that starts one child per call and never runs untrusted code itself.

In: frames on standard input, first the settings, then one call each. Out: one result frame a call.
It ends when its standard input closes, and takes its children along.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import select
import signal
import site
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rftctl.sandbox.child import answer_call, answer_check, answer_scan, freeze_memory
from rftctl.sandbox.confine import confine_child, confine_worker, memory_ceiling
from rftctl.sandbox.frames import (
    COMPILED,
    IMPORT_TIMEOUT_S,
    MAX_DETAIL,
    MAX_PROGRAM,
    MAX_REPLY,
    PIPE_BYTES,
    READY,
    START_INDEX,
    pack_result,
    read_frame,
    unpack_answer,
    write_all,
    write_frame,
)
from rftctl.sandbox.privileges import die_with_parent
from rftctl.sandbox.scratch import has_too_many_files, wipe

if TYPE_CHECKING:
    import resource
    from collections.abc import Callable

    from rftctl.sandbox.level import Status

    Answer = Callable[[bytes, bytes], bytes]
    _Verdict = tuple[Status, float, bytes]

_REPLY_FD = 3
_HIGHEST_FD = 1024  # of a worker, which holds two a call in flight
_TICK_S = 0.002  # between looks at children where the kernel has no pidfd
_WATCH_S = 0.05  # between looks at scratch folders
_NEARLY_ALL = 0.9


@dataclass(slots=True)
class _Call:
    index: int
    slot: int
    pid: int
    pipe: int
    pidfd: int | None
    started: float
    deadline: float


@dataclass(frozen=True, slots=True)
class _Outcome:
    index: int
    status: Status
    value: float
    detail: bytes
    seconds: float


class Worker:
    """Starts children, watches their clocks and reports what they answered."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._program = settings["source"].encode("utf-8", "surrogatepass")
        self._time_s = float(settings["time_s"])
        self._memory_bytes = int(settings["memory_bytes"])
        self._slots: list[str | None] = settings["slots"]
        self._free = list(range(len(self._slots)))
        self._is_grouped = settings["level"] == "S1"
        self._statm = _open_statm()
        limits = (self._time_s, int(settings["file_bytes"]))
        self._confinement = confine_worker(settings["level"], settings["readable"], self._slots, limits)
        self._calls: list[_Call] = []
        self._ceiling = memory_ceiling(self._read_statm(), self._memory_bytes)

    def prepare(self) -> _Outcome:
        """Compile, import and check the grader in children; importing for good happens here.

        Returns:
            `ok`, or why no call can ever work: it does not compile, has no `grade`, or takes too much.
        """
        outcome = self._run(answer_scan)
        if outcome.status == "bad_value":
            names, mark, program = outcome.detail.partition(COMPILED)
            self._program = mark + program if program else self._program
            _import_all(names)
            outcome = self._run(answer_check)
        if outcome.status == "bad_value":
            # What its packages put off importing until they were used, such as most of pydantic.
            _import_all(outcome.detail.partition(COMPILED)[0])
            outcome = replace(outcome, status="ok", detail=b"")
        freeze_memory()
        self._ceiling = memory_ceiling(self._read_statm(), self._memory_bytes)
        return outcome

    def serve(self, requests: int, results: int) -> None:
        """Answer calls until the parent closes its side."""
        index = 0
        while True:
            is_asked = self._wait(requests)
            for outcome in self._finished():
                write_frame(results, _pack(outcome))
            if not self._free and not self._calls:
                return  # every scratch folder is beyond cleaning: the parent starts a fresh worker
            if is_asked and self._free:
                self._start(index, answer_call, read_frame(requests))
                index += 1

    def stop(self) -> None:
        """Kill what still runs."""
        for call in self._calls:
            self._kill(call)

    def _run(self, answer: Answer) -> _Outcome:
        self._start(START_INDEX, answer, b"")
        while True:
            self._wait(None)
            for outcome in self._finished():
                return outcome

    def _start(self, index: int, answer: Answer, payload: bytes) -> None:
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        if index == START_INDEX:
            _widen(write_end)
        slot, started = self._free.pop(), time.monotonic()
        pid = os.fork()
        if pid == 0:
            self._be_child(answer, payload, slot, write_end)
        os.close(write_end)
        deadline = started + self._time_s
        self._calls.append(_Call(index, slot, pid, read_end, _open_pidfd(pid), started, deadline))

    def _be_child(self, answer: Answer, payload: bytes, slot: int, reply: int) -> None:
        try:
            die_with_parent()
            os.setsid()
            try:
                _enter(self._slots[slot])
                confine_child(self._confinement, slot, self._ceiling)
            except (OSError, ValueError) as error:
                write_all(reply, f"the sandbox could not be closed: {error}".encode())
                return
            os.dup2(reply, _REPLY_FD)
            os.closerange(_REPLY_FD + 1, _HIGHEST_FD)
            write_all(_REPLY_FD, READY)
            write_all(_REPLY_FD, answer(self._program, payload))
        finally:
            # Never back into the worker's loop, whatever happened.
            os._exit(0)

    def _wait(self, requests: int | None) -> bool:
        poller = select.poll()
        if requests is not None:
            # A full worker asks for no input, and is still told when the parent is gone.
            poller.register(requests, select.POLLIN if self._free else 0)
        for call in self._calls:
            if call.pidfd is not None:
                poller.register(call.pidfd, select.POLLIN)
        events = dict(poller.poll(self._patience_ms()))
        if requests is None or requests not in events:
            return False
        if not events[requests] & select.POLLIN:
            raise EOFError
        return True

    def _patience_ms(self) -> float | None:
        if not self._calls:
            return None
        if any(call.pidfd is None for call in self._calls):
            return _TICK_S * 1000
        left_s = min(call.deadline for call in self._calls) - time.monotonic()
        if any(self._slots):
            left_s = min(left_s, _WATCH_S)
        return max(0.0, left_s) * 1000

    def _finished(self) -> list[_Outcome]:
        outcomes = []
        for call in list(self._calls):
            offence = self._offence(call)
            if offence is not None:
                self._kill(call)
            pid, status, usage = os.wait4(call.pid, 0 if offence else os.WNOHANG)
            if pid != 0:
                self._calls.remove(call)
                verdict = offence or self._judge(call, status, usage)
                outcomes.append(_Outcome(call.index, *verdict, time.monotonic() - call.started))
                self._clear(call)
        return outcomes

    def _offence(self, call: _Call) -> _Verdict | None:
        """Why a running call must be stopped, or None."""
        if time.monotonic() >= call.deadline:
            return "timeout", 0.0, f"the grader took longer than {self._time_s:g} s and was stopped".encode()
        slot = self._slots[call.slot]
        if slot is not None and has_too_many_files(slot):
            return "killed", 0.0, b"the grader made too many files and was stopped"
        return None

    def _clear(self, call: _Call) -> None:
        """Forget a call that ended, and give its slot to the next one if it can be had clean."""
        if self._is_grouped:
            _kill_group(call.pid)
        for fd in (call.pipe, call.pidfd):
            if fd is not None:
                os.close(fd)
        folder = self._slots[call.slot]
        if folder is None or wipe(folder):
            self._free.append(call.slot)

    def _judge(self, call: _Call, status: int, usage: resource.struct_rusage) -> _Verdict:
        data, exit_code = _drain(call.pipe), os.waitstatus_to_exitcode(status)
        if not data.startswith(READY):
            return "server_error", 0.0, data or b"the sandbox gave no answer"
        if exit_code != 0 or data == READY:
            if usage.ru_maxrss * 1024 >= _NEARLY_ALL * self._memory_bytes:
                return "memory", 0.0, self._out_of_memory()
            return "killed", 0.0, f"the grader ended without an answer, {_how(exit_code)}".encode()
        limit = MAX_PROGRAM + 1 if call.index == START_INDEX else MAX_DETAIL
        answer = unpack_answer(data[len(READY) :], limit=limit)
        if answer is None:
            return "forged", 0.0, b"the grader wrote to the channel of its answer"
        return (answer[0], 0.0, self._out_of_memory()) if answer[0] == "memory" else answer

    def _out_of_memory(self) -> bytes:
        return f"the grader needed more than {self._memory_bytes / 2**20:,.0f} MiB of memory".encode()

    def _kill(self, call: _Call) -> None:
        if self._is_grouped:
            _kill_group(call.pid)
        os.kill(call.pid, signal.SIGKILL)

    def _read_statm(self) -> bytes:
        return b"" if self._statm is None else os.pread(self._statm, 100, 0)


def main() -> None:
    """Run the worker on this process's standard input and output."""
    requests, results = os.dup(0), os.dup(1)
    settings = json.loads(read_frame(requests))
    _silence()
    # The first entry was only there to find this module; graders see the library and what is installed.
    sys.path[:1] = []
    folders = settings["site_folders"]
    sys.path += site.getsitepackages() if folders is None else folders
    try:
        worker = Worker(settings)
    except OSError as error:
        text = f"the sandbox could not be set up: {error}"
        write_frame(results, pack_result(START_INDEX, "server_error", 0.0, 0.0, text.encode()))
        return
    try:
        write_frame(results, _pack(worker.prepare()))
        worker.serve(requests, results)
    except (EOFError, BrokenPipeError):
        pass
    finally:
        worker.stop()


def _import_all(names: bytes) -> None:
    signal.alarm(IMPORT_TIMEOUT_S)
    for name in names.decode("ascii", "replace").split():
        # A module that fails here fails again in the call that imports it, which says so.
        with suppress(Exception, SystemExit):
            importlib.import_module(name)
    signal.alarm(0)


def _pack(outcome: _Outcome) -> bytes:
    return pack_result(outcome.index, outcome.status, outcome.value, outcome.seconds, outcome.detail)


def _silence() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)


def _open_statm() -> int | None:
    try:
        return os.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        return None


def _open_pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (OSError, AttributeError):
        return None


def _enter(folder: str | None) -> None:
    if folder is not None:
        os.chdir(folder)
        os.environ["TMPDIR"] = folder


def _widen(pipe: int) -> None:
    # A reply is read when its child has ended, so the pipe must hold all of it.
    with suppress(OSError, AttributeError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _drain(pipe: int) -> bytes:
    try:
        return os.read(pipe, MAX_REPLY + 1)
    except BlockingIOError:
        return b""


def _how(exit_code: int) -> str:
    if exit_code >= 0:
        return f"exit status {exit_code}"
    try:
        return f"killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"killed by signal {-exit_code}"
