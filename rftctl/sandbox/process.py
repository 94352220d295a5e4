"""One grader, ready to be called, whatever it does to the worker behind it.

In: (sample, item) pairs. Out: one `CallResult` a pair, in order.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rftctl.errors import NotOfferedError
from rftctl.sandbox.channel import GRACE_S, Launch, WorkerChannel, WorkerDiedError
from rftctl.sandbox.level import CallResult
from rftctl.sandbox.privileges import make_undumpable
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    Call = tuple[dict[str, Any], dict[str, Any]]


_MAX_PARALLEL = 64


class GraderProcess:
    """A grader's worker; a call runs in a process of its own and leaves nothing behind.

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
        self._n_parallel = min(max(1, n_parallel), _MAX_PARALLEL)
        make_undumpable()
        try:
            self._channel: WorkerChannel | None = self._open()
        except WorkerDiedError as error:
            raise NotOfferedError(
                f"sandbox {str(launch.level)!r} could not be started: {error}",
                "run `rftctl doctor` to see which levels work here",
            ) from None
        self.problem = self._channel.problem

    def call_batch(self, calls: Sequence[Call]) -> list[CallResult]:
        """Call the grader with each (sample, item), in order; never raises for what a grader does."""
        if self.problem is not None:
            return [self.problem] * len(calls)
        results: dict[int, CallResult] = {}
        payloads = {index: payload for index, call in enumerate(calls) if (payload := _encode(call))}
        pending = list(payloads)
        while pending:
            # One call more than the worker runs waits in the pipe, so that it never idles.
            suspects = self._run({i: payloads[i] for i in pending}, self._n_parallel + 1, results)
            # One of the calls in flight may have taken the worker down: alone, it shows itself.
            for index in suspects:
                if self._run({index: payloads[index]}, 1, results):
                    results[index] = CallResult(None, "killed", "the grader's worker died during this call")
            pending = [index for index in pending if index not in results]
        unreadable = CallResult(None, "server_error", "the sample or its item is not JSON")
        return [results.get(index, unreadable) for index in range(len(calls))]

    def close(self) -> None:
        """End the worker and its children."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def __enter__(self) -> GraderProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> WorkerChannel:
        return WorkerChannel(self._launch, self._source, self._n_parallel)

    def _run(self, payloads: dict[int, bytes], window: int, results: dict[int, CallResult]) -> list[int]:
        """Run calls and add their results; returns those that were in flight when the worker died."""
        in_flight: dict[int, int] = {}
        try:
            self._channel = self._channel or self._open()
            self._pump(self._channel, iter(payloads.items()), window, in_flight, results)
        except WorkerDiedError as error:
            self.close()
            if not in_flight:
                # It died before it was asked anything, so asking again would not end.
                lost = CallResult(None, "server_error", one_line(str(error), limit=300))
                results.update({index: lost for index in payloads if index not in results})
        return list(in_flight.values())

    def _pump(
        self,
        channel: WorkerChannel,
        queue: Iterator[tuple[int, bytes]],
        window: int,
        in_flight: dict[int, int],
        results: dict[int, CallResult],
    ) -> None:
        while True:
            while len(in_flight) < window and (entry := next(queue, None)):
                in_flight[channel.n_sent] = entry[0]
                channel.send(entry[1])
            if not in_flight:
                return
            number, result = channel.receive(self._launch.limits.time_s + GRACE_S)
            if number not in in_flight:
                raise WorkerDiedError("its worker answered a call that nobody made")
            results[in_flight.pop(number)] = result


def _encode(call: Call) -> bytes | None:
    try:
        return json.dumps(call).encode()
    except (TypeError, ValueError, RecursionError):
        return None
