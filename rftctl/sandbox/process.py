"""The parent's side of a worker: start it for one grader, feed it calls, survive whatever it does.

In: (sample, item) pairs. Out: one `CallResult` a pair, in order. Everything a worker sends is distrusted.
"""

from __future__ import annotations

import json
import math
import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rftctl.errors import NotOfferedError
from rftctl.sandbox.frames import IMPORT_TIMEOUT_S, START_INDEX, read_frame, unpack_result, write_frame
from rftctl.sandbox.level import CallResult, Limits, SandboxLevel
from rftctl.sandbox.privileges import make_undumpable
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from rftctl.sandbox.level import Status

    Call = tuple[dict[str, Any], dict[str, Any]]

_GRACE_S = 10.0
"""Seconds a worker may be later than its own clock before it counts as dead."""

_MAX_CHARACTERS = 300


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


class _WorkerDiedError(Exception):
    """The worker ended, went silent or sent nonsense."""


class GraderProcess:
    """One grader, ready to be called; a call runs in a process of its own and leaves nothing behind.

    Not thread-safe. Closing it twice is fine.

    Args:
        launch: how to start the worker.
        source: the grader's Python source, which defines `grade(sample, item)`.
        n_parallel: calls in flight at once.

    Raises:
        NotOfferedError: the sandbox could not be started.
    """

    def __init__(self, launch: Launch, source: str, n_parallel: int = 1) -> None:
        self._launch = launch
        self._source = source
        self._n_parallel = max(1, n_parallel)
        self._process: subprocess.Popen[bytes] | None = None
        self._sent = 0
        self.problem: CallResult | None = None
        make_undumpable()
        try:
            self._start()
        except _WorkerDiedError as error:
            raise NotOfferedError(
                f"sandbox {launch.level} could not be started: {error}", "run `rftctl doctor` to see which levels work"
            ) from None

    def call_batch(self, calls: Sequence[Call]) -> list[CallResult]:
        """Call the grader with each (sample, item), in order; never raises for what a grader does."""
        if self.problem is not None:
            return [self.problem] * len(calls)
        results: dict[int, CallResult] = {}
        pending = list(range(len(calls)))
        while pending:
            # One call more than the worker runs waits in the pipe, so that it never idles.
            suspects = self._run_until_death(calls, pending, self._n_parallel + 1, results)
            # One of the calls in flight may have taken the worker down: alone, it shows itself.
            for index in suspects:
                if self._run_until_death(calls, [index], 1, results):
                    results[index] = CallResult(None, "killed", "the grader's worker died during this call")
            pending = [index for index in pending if index not in results]
        return [results[index] for index in range(len(calls))]

    def close(self) -> None:
        """End the worker and its children."""
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        try:
            process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            # The whole group: a wrapper's death alone would leave what it wraps.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def __enter__(self) -> GraderProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run_until_death(
        self, calls: Sequence[Call], pending: list[int], window: int, results: dict[int, CallResult]
    ) -> list[int]:
        """Run what is pending; returns the calls that were in flight when the worker died."""
        in_flight: dict[int, int] = {}
        queue = iter(pending)
        try:
            if self._process is None:
                self._start()
            while self._fill(calls, queue, window, in_flight, results):
                number, result = self._receive(self._launch.limits.time_s + _GRACE_S)
                if number not in in_flight:
                    raise _WorkerDiedError("it answered a call that nobody made")
                results[in_flight.pop(number)] = result
        except _WorkerDiedError as error:
            self.close()
            if not in_flight:
                results.update({i: CallResult(None, "server_error", str(error)) for i in pending if i not in results})
        return list(in_flight.values())

    def _fill(
        self,
        calls: Sequence[Call],
        queue: Any,
        window: int,
        in_flight: dict[int, int],
        results: dict[int, CallResult],
    ) -> bool:
        while len(in_flight) < window:
            index = next(queue, None)
            if index is None:
                break
            try:
                payload = json.dumps(calls[index]).encode()
            except (TypeError, ValueError, RecursionError) as error:
                results[index] = CallResult(None, "server_error", f"sample or item is not JSON: {one_line(str(error))}")
                continue
            in_flight[self._sent] = index
            self._send(payload)
            self._sent += 1
        return bool(in_flight)

    def _start(self) -> None:
        self._sent = 0
        self._process = subprocess.Popen(
            self._launch.command(self._n_parallel),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._launch.environment,
            cwd="/",
            bufsize=0,
            start_new_session=True,
        )
        limits = self._launch.limits
        settings = {
            **self._launch.settings,
            "level": str(self._launch.level),
            "slots": list(self._launch.slots(self._n_parallel)),
            "time_s": limits.time_s,
            "memory_bytes": limits.memory_bytes,
            "source": self._source,
        }
        try:
            self._send(json.dumps(settings).encode())
            number, result = self._receive(IMPORT_TIMEOUT_S + 2 * limits.time_s + _GRACE_S)
        except _WorkerDiedError as error:
            said = self._last_words()
            self.close()
            raise _WorkerDiedError(f"{error}{said}") from None
        if number != START_INDEX or result.status == "server_error":
            self.close()
            raise _WorkerDiedError(result.detail or "it did not report ready")
        self.problem = _unusable(result)

    def _send(self, payload: bytes) -> None:
        assert self._process is not None and self._process.stdin is not None
        try:
            write_frame(self._process.stdin.fileno(), payload)
        except OSError:
            raise _WorkerDiedError("its worker ended") from None

    def _receive(self, patience_s: float) -> tuple[int, CallResult]:
        assert self._process is not None and self._process.stdout is not None
        fd = self._process.stdout.fileno()
        if not select.select([fd], [], [], patience_s)[0]:
            raise _WorkerDiedError("its worker went silent")
        try:
            number, status, value, seconds, detail = unpack_result(read_frame(fd))
        except (EOFError, OSError):
            raise _WorkerDiedError("its worker ended") from None
        except ValueError as error:
            raise _WorkerDiedError(str(error)) from None
        return number, _checked(status, value, seconds, detail)

    def _last_words(self) -> str:
        assert self._process is not None and self._process.stderr is not None
        fd = self._process.stderr.fileno()
        deadline = time.monotonic() + 1.0
        while select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
            words = self._process.stderr.read(2000)
            return f": {one_line(words.decode('utf-8', 'replace'), limit=200)}" if words else ""
        return ""


def _checked(status: Status, value: float, seconds: float, detail: str) -> CallResult:
    safe_detail = one_line(detail, limit=_MAX_CHARACTERS)
    if status != "ok":
        return CallResult(None, status, safe_detail, seconds)
    if not math.isfinite(value):
        return CallResult(None, "forged", "the grader wrote to the channel of its answer", seconds)
    return CallResult(value, "ok", "", seconds)


def _unusable(result: CallResult) -> CallResult | None:
    """Tell whether a grader can never work: it does not compile, or defines no `grade`."""
    if result.status == "ok":
        return None
    status = "runtime_error" if result.status == "bad_value" else result.status
    return CallResult(None, status, result.detail)
