"""Watch one input after another: no traceback, no hang, bounded memory.

In: inputs and a check. Out: `Figures`, and a file for every new kind of failure. The input that is being
tried stands in a shared file, so that one that kills the process can be saved too.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import resource
import signal
import struct
import sys
import time
import traceback
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

MAX_SECONDS = 2.0
MAX_MEMORY_MB = 512
MAX_INPUT_BYTES = 2**21
_HEAD = struct.Struct("<QQ")
_SAVED_OF_A_KIND = 3
_NOTED_MB = 16
_WRITTEN_EVERY = 10_000


class HangError(BaseException):
    """An input took too much processor time; no `except Exception` may swallow it."""


@dataclass
class Figures:
    """What a form of fuzzing saw.

    Attributes:
        slowest_s: processor seconds of the slowest input.
        slowest_file, largest_file: the input that took longest, and the last that raised the peak of memory.
        failures: kind of failure -> how often.
        saved: files that hold failing inputs.
    """

    name: str
    n_inputs: int = 0
    seconds: float = 0.0
    slowest_s: float = 0.0
    slowest_file: str = ""
    largest_file: str = ""
    peak_mb: float = 0.0
    n_accepted: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    saved: list[str] = field(default_factory=list)


class Watch:
    """Runs a check on inputs and keeps the figures.

    Args:
        name: of the form; prefixes the files.
        folder: takes the figures, failing inputs and the input that is being tried.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self._folder = folder
        self._seen: Counter[str] = Counter()
        self._started = time.perf_counter()
        self._current = _current_input(folder, name, create=True)
        self._peak = _peak_mb()
        self.figures = Figures(name)
        signal.signal(signal.SIGPROF, _on_alarm)

    def __call__(self, data: bytes, check: Callable[[bytes], bool]) -> None:
        """Try one input; `check` tells whether it was accepted, and raises what must not happen."""
        self.figures.n_inputs += 1
        self._note(data)
        started = time.process_time()
        try:
            with _time_limit():
                self.figures.n_accepted += check(data)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._fail(data, error)
        took = time.process_time() - started
        if took > self.figures.slowest_s:
            self._slowest(data, took)
        if (peak := _peak_mb()) > self._peak + _NOTED_MB:
            self._largest(data, peak)
        if took > MAX_SECONDS:
            self._count(data, f"hang of {took:.1f} s")
        if self.figures.n_inputs % _WRITTEN_EVERY == 0:
            self.finish()

    def finish(self) -> Figures:
        """Write the figures so far down and return them."""
        figures = self.figures
        figures.seconds = time.perf_counter() - self._started
        figures.peak_mb = _peak_mb()
        figures.failures = dict(self._seen)
        (self._folder / f"{figures.name}.json").write_text(json.dumps(asdict(figures)))
        return figures

    def _note(self, data: bytes) -> None:
        kept = data[: MAX_INPUT_BYTES - _HEAD.size]
        self._current[: _HEAD.size + len(kept)] = _HEAD.pack(self.figures.n_inputs, len(kept)) + kept

    def _slowest(self, data: bytes, took: float) -> None:
        self.figures.slowest_s = took
        if took > MAX_SECONDS / 10:
            path = self._folder / f"{self.figures.name}-slowest.bin"
            path.write_bytes(data)
            self.figures.slowest_file = path.name

    def _largest(self, data: bytes, peak: float) -> None:
        self._peak = peak
        path = self._folder / f"{self.figures.name}-largest.bin"
        path.write_bytes(data)
        self.figures.largest_file = path.name

    def _fail(self, data: bytes, error: BaseException) -> None:
        self._count(data, _kind(error), "".join(traceback.format_exception(error)))

    def _count(self, data: bytes, kind: str, text: str = "") -> None:
        self._seen[kind] += 1
        if self._seen[kind] > _SAVED_OF_A_KIND:
            return
        stem = f"{self.figures.name}-{hashlib.sha256(data).hexdigest()[:12]}"
        (self._folder / f"{stem}.bin").write_bytes(data)
        (self._folder / f"{stem}.txt").write_text(kind + "\n" + text, errors="backslashreplace")
        self.figures.saved.append(f"{stem}.bin")


def last_input(folder: Path, name: str) -> tuple[int, bytes]:
    """Read how many inputs a form has tried, and the one it is at; for a process that died or hangs."""
    current = _current_input(folder, name, create=False)
    with contextlib.closing(current):
        count, size = _HEAD.unpack(current[: _HEAD.size])
        return count, current[_HEAD.size : _HEAD.size + size]


def _current_input(folder: Path, name: str, *, create: bool) -> mmap.mmap:
    path = folder / f"{name}.current"
    if create:
        path.write_bytes(b"\0" * MAX_INPUT_BYTES)
    with path.open("r+b") as stream:
        return mmap.mmap(stream.fileno(), MAX_INPUT_BYTES)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    # Processor time, not the clock's: a busy machine is no hang.
    signal.setitimer(signal.ITIMER_PROF, MAX_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _on_alarm(number: int, frame: FrameType | None) -> None:
    raise HangError(f"more than {MAX_SECONDS:g} s of processor time")


def _kind(error: BaseException) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/rftctl/" in f.filename]
    where = f"{frames[-1].filename.rpartition('/rftctl/')[2]}:{frames[-1].name}" if frames else "the check"
    detail = f": {error}" if isinstance(error, AssertionError | HangError) else ""
    return f"{type(error).__name__} in {where}{detail}"[:200]


def say(line: str) -> None:
    """Write a line to stdout at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
