"""Sampling for chat: requests that arrive together are drawn together.

In: prompts from many requests at once. Out: completions. One thread owns the loaded model: it waits a few
milliseconds for company, samples all requests of equal settings in one batch, and goes on to the next.
The model stays loaded until another is asked for or the app closes; a base and its adapters share weights.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sys
import threading
import time
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rftctl.errors import ProviderError, RftctlError
from rftctl.server.refusal import RefusalError
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rftctl.engine.backend import Completion, Policy, SamplingSettings, TrainBackend
    from rftctl.server.names import Weights

GATHER_S = 0.01
"""How long the thread waits for one more request, after each that came."""
GATHER_IN_A_CROWD_S = 0.25
"""The same while fewer have come than were in the last batch: who was answered together asks again together,
and a batch of one costs nearly as much as a batch of all."""
GATHER_AT_MOST_S = 1.0
ROWS_AT_ONCE = 64
"""Completions drawn in one batch; memory for attention grows with it."""
_CLOSE_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """One request to the model: what to say, how to draw, and with which seed."""

    weights: Weights
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None
    reasoning_effort: str | None
    n: int
    settings: SamplingSettings
    seed: int


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """The completions of one request, and how many tokens its prompt was."""

    completions: tuple[Completion, ...]
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class _Waiting:
    prompt: ChatPrompt
    future: Future[ChatAnswer] = field(default_factory=Future)

    @property
    def key(self) -> tuple[Any, ...]:
        return (self.prompt.weights, self.prompt.n, self.prompt.settings)


class Chat:
    """The sampling thread. It starts with the first request; `close` frees the model.

    Args:
        open_backend: makes the backend, on the thread, at the first request.
    """

    def __init__(self, open_backend: Callable[[], TrainBackend]) -> None:
        self._open_backend = open_backend
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._backend: TrainBackend | None = None
        self._policy: tuple[Weights, Policy] | None = None
        self._last_crowd = 0

    async def answer(self, prompt: ChatPrompt) -> ChatAnswer:
        """Answer one request.

        Raises:
            RftctlError: no such model, or a prompt it cannot take.
        """
        return await asyncio.wrap_future(self.submit(prompt))

    def submit(self, prompt: ChatPrompt) -> Future[ChatAnswer]:
        """Hand one request over; its future ends with the answer, or as `answer` does."""
        waiting = _Waiting(prompt)
        with self._lock:
            if self._is_closed:
                raise RefusalError(409, "the service is closing")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="rftctl-chat", daemon=True)
                self._thread.start()
            self._queue.put(waiting)
        return waiting.future

    def close(self) -> None:
        """Stop the thread after its present batch and free the model; may be called twice."""
        with self._lock:
            self._is_closed = True
            thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join(_CLOSE_WAIT_S)

    def _run(self) -> None:
        while batch := self._gather():
            while batch:
                # The model that is loaded goes first: loading another is the dearest thing here.
                chosen = next((each for each in batch if self._is_loaded(each)), batch[0])
                together = [each for each in batch if each.key == chosen.key]
                batch = [each for each in batch if each.key != chosen.key]
                self._serve(together)
        self._free()
        self._refuse_rest()

    def _gather(self) -> list[_Waiting]:
        first = self._queue.get()
        batch = [] if first is None else [first]
        deadline = time.monotonic() + GATHER_AT_MOST_S
        while batch and _rows(batch) < ROWS_AT_ONCE and time.monotonic() < deadline:
            try:
                more = self._queue.get(timeout=self._patience_s(len(batch)))
            except queue.Empty:
                break
            if more is None:
                # Put back, so that the loop ends once this batch is served.
                self._queue.put(None)
                break
            batch.append(more)
        self._last_crowd = len(batch)
        return batch

    def _patience_s(self, n_waiting: int) -> float:
        return GATHER_IN_A_CROWD_S if n_waiting < self._last_crowd else GATHER_S

    def _serve(self, together: list[_Waiting]) -> None:
        wanted = [each for each in together if each.future.set_running_or_notify_cancel()]
        if not wanted:
            return
        try:
            policy = self._policy_for(wanted[0].prompt.weights)
            ready = [(each, prompt) for each in wanted if (prompt := _rendered(policy, each)) is not None]
            size = max(1, ROWS_AT_ONCE // wanted[0].prompt.n)
            for start in range(0, len(ready), size):
                _sample(policy, ready[start : start + size])
        except (RftctlError, RuntimeError, MemoryError, OSError, ValueError) as error:
            for each in wanted:
                _fail(each, _as_ours(error))
        except BaseException as error:
            # A bug: this thread ends, and nobody may wait for it.
            for each in wanted:
                _fail(each, error)
            raise

    def _is_loaded(self, waiting: _Waiting) -> bool:
        return self._policy is not None and self._policy[0] == waiting.prompt.weights

    def _policy_for(self, weights: Weights) -> Policy:
        if self._policy is not None and self._policy[0] == weights:
            return self._policy[1]
        if self._policy is not None:
            self._policy[1].close()
            self._policy = None
        if self._backend is None:
            self._backend = self._open_backend()
        policy = self._backend.open_policy(weights.model, weights.checkpoint)
        self._policy = weights, policy
        return policy

    def _free(self) -> None:
        if self._policy is not None:
            self._policy[1].close()
        self._policy, self._backend = None, None

    def _refuse_rest(self) -> None:
        with suppress(queue.Empty):
            while True:
                waiting = self._queue.get_nowait()
                if waiting is not None:
                    _fail(waiting, RefusalError(409, "the service is closing"))


def torch_backend(cache: Path, threads: int | None = None) -> TrainBackend:
    """Open this machine's backend for sampling; torch is loaded here, not before.

    Args:
        threads: CPU threads; by default as many as cores are free.
    """
    from rftctl.engine.threads import worker_environment

    if "torch" not in sys.modules:
        # OpenMP reads these once, when torch is loaded; what the user set stays.
        for name, value in worker_environment().items():
            os.environ.setdefault(name, value)
    from rftctl.engine.torch_backend import TorchBackend

    return TorchBackend(cache, threads=threads)


def _rendered(policy: Policy, waiting: _Waiting) -> tuple[int, ...] | None:
    prompt = waiting.prompt
    try:
        return policy.render(prompt.messages, prompt.tools, prompt.reasoning_effort)
    except RftctlError as error:
        # One request's bad messages are its own; the others of the batch go on.
        _fail(waiting, error)
        return None


def _sample(policy: Policy, ready: Sequence[tuple[_Waiting, tuple[int, ...]]]) -> None:
    first = ready[0][0].prompt
    seeds = [each.prompt.seed for each, _ in ready]
    try:
        groups = policy.sample([prompt for _, prompt in ready], first.n, first.settings, seeds)
    except RftctlError as error:
        if len(ready) == 1:
            _fail(ready[0][0], error)
        else:
            # A prompt that is too long is its sender's matter: drawn one by one, only that one fails.
            for alone in ready:
                _sample(policy, [alone])
        return
    for (each, prompt), group in zip(ready, groups, strict=True):
        with suppress(InvalidStateError):
            each.future.set_result(ChatAnswer(tuple(group), len(prompt)))


def _rows(batch: Sequence[_Waiting]) -> int:
    return sum(each.prompt.n for each in batch)


def _as_ours(error: Exception) -> RftctlError:
    if isinstance(error, RftctlError):
        return error
    said = one_line(f"{type(error).__name__}: {error}")
    return ProviderError(f"the model failed: {said}", "ask for fewer or shorter answers", status=500)


def _fail(waiting: _Waiting, error: BaseException) -> None:
    with suppress(InvalidStateError):
        waiting.future.set_exception(error)
