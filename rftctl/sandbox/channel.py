"""One running worker, as the parent sees it: a process behind two pipes that may die at any moment.

In: payloads. Out: checked results, or WorkerDiedError. Everything a worker sends is distrusted.
"""

from __future__ import annotations

import json
import math
import os
import select
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rftctl.sandbox.frames import IMPORT_TIMEOUT_S, START_INDEX, read_frame, unpack_result, write_frame
from rftctl.sandbox.level import CallResult, Limits, SandboxLevel
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rftctl.sandbox.level import Status

GRACE_S = 10.0
"""Seconds a worker may be later than its own clock before it counts as dead."""

_MAX_CHARACTERS = 300
_PREPARATIONS = 2  # children a worker runs before it is ready, each within a call's time


@dataclass(frozen=True, slots=True)
class Launch:
    """Everything needed to start a worker of one level.

    Attributes:
        parts: what holds it together, in words.
        command: number of calls in flight -> command line.
        environment: of the process, whole: nothing is inherited.
        slots: number of calls in flight -> the scratch folder of each, or None.
        settings: what the worker is told besides (see `worker.Worker`).
    """

    level: SandboxLevel
    parts: str
    limits: Limits
    command: Callable[[int], list[str]]
    environment: dict[str, str]
    slots: Callable[[int], Sequence[str | None]]
    settings: dict[str, Any]


class WorkerDiedError(Exception):
    """The worker ended, went silent or sent nonsense."""


class WorkerChannel:
    """A started worker; `problem` says why its grader can never work, or is None.

    Raises:
        WorkerDiedError: it did not become ready.
    """

    def __init__(self, launch: Launch, source: str, n_parallel: int) -> None:
        self._process = _spawn(launch.command(n_parallel), launch.environment)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._results = self._process.stdin.fileno(), self._process.stdout.fileno()
        self.n_sent = 0
        try:
            self.problem = self._prepare(launch, source, n_parallel)
        except WorkerDiedError as error:
            said = self._last_words()
            self.close()
            raise WorkerDiedError(f"{error}{said}") from None

    def send(self, payload: bytes) -> None:
        """Send one call; its number is `n_sent` before."""
        self._write(payload)
        self.n_sent += 1

    def receive(self, patience_s: float) -> tuple[int, CallResult]:
        """Wait for the next finished call: its number and what it gave."""
        if not select.select([self._results], [], [], patience_s)[0]:
            raise WorkerDiedError("its worker went silent")
        try:
            number, status, value, seconds, detail = unpack_result(read_frame(self._results))
        except (EOFError, OSError):
            raise WorkerDiedError("its worker ended") from None
        except ValueError as error:
            raise WorkerDiedError(str(error)) from None
        return number, _checked(status, value, seconds, detail)

    def close(self) -> None:
        """End the worker and its children."""
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            # The whole group: a wrapper's death alone would leave what it wraps.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _prepare(self, launch: Launch, source: str, n_parallel: int) -> CallResult | None:
        limits = launch.limits
        settings = {
            **launch.settings,
            "level": str(launch.level),
            "slots": list(launch.slots(n_parallel)),
            "time_s": limits.time_s,
            "memory_bytes": limits.memory_bytes,
            "source": source,
        }
        self._write(json.dumps(settings).encode())
        number, result = self.receive(IMPORT_TIMEOUT_S + _PREPARATIONS * limits.time_s + GRACE_S)
        if number != START_INDEX or result.status == "server_error":
            raise WorkerDiedError(result.detail or "it did not report ready")
        return None if result.status == "ok" else CallResult(None, result.status, result.detail)

    def _write(self, payload: bytes) -> None:
        try:
            write_frame(self._requests, payload)
        except OSError:
            raise WorkerDiedError("its worker ended") from None

    def _last_words(self) -> str:
        stream = self._process.stderr
        assert stream is not None
        if not select.select([stream], [], [], 1.0)[0]:
            return ""
        words = stream.read(2000)
        return f": {one_line(words.decode('utf-8', 'replace'), limit=200)}" if words else ""


def _spawn(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen(
            command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=environment,
            cwd="/",
            bufsize=0,
            start_new_session=True,
        )
    except OSError as error:
        raise WorkerDiedError(str(error)) from None


def _checked(status: Status, value: float, seconds: float, detail: str) -> CallResult:
    safe_detail = one_line(detail, limit=_MAX_CHARACTERS)
    if status != "ok":
        return CallResult(None, status, safe_detail, seconds)
    if not math.isfinite(value):
        return CallResult(None, "forged", "the grader wrote to the channel of its answer", seconds)
    return CallResult(value, "ok", "", seconds)
