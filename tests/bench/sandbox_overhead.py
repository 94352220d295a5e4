"""What a sandboxed call of a python grader costs, beside a bare fork and a fresh interpreter in the same run.

Wall time of one warm call (median), CPU time of everything it starts, calls per second with two in flight,
and whether the rewards are bit for bit those of an unsandboxed run. `--items N` sets how many are compared.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import resource
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rftctl.errors import NotOfferedError
from rftctl.sandbox import Sandbox, choose_sandbox

N_CALLS = 200
N_BATCH = 1000
LIGHT = "def grade(sample, item):\n    return float(sample['output_text'] == item['answer'])\n"
IMPORTS = [name for name in ("numpy", "pandas") if importlib.util.find_spec(name)]
HEAVY = f"import {', '.join(IMPORTS)}\n{LIGHT}" if IMPORTS else LIGHT
IDENTITY = """
import difflib, math
import numpy as np

def grade(sample, item):
    a, b = sample["output_text"], item["answer"]
    vectors = [np.bincount(np.frombuffer(text.encode(), np.uint8), minlength=256) / 7 for text in (a, b)]
    cosine = float(vectors[0] @ vectors[1] / np.sqrt((vectors[0] ** 2).sum() * (vectors[1] ** 2).sum()))
    return difflib.SequenceMatcher(None, a, b).ratio() * 0.3 + math.sin(cosine) / 7
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=1000)
    n_items = parser.parse_args().items
    fork_s, interpreter_s = bare_fork(), fresh_interpreter()
    say(f"bare fork, exit and wait         {ms(fork_s)}")
    say(f"fresh interpreter (-I -S)        {ms(interpreter_s)}")
    for level in ("S2", "S3"):
        try:
            sandbox = choose_sandbox(level)
        except NotOfferedError as error:
            say(f"{level}: {error.message}")
            continue
        with sandbox:
            measure_level(sandbox, fork_s, interpreter_s, n_items)


def measure_level(sandbox: Sandbox, fork_s: float, interpreter_s: float, n_items: int) -> None:
    """Print every figure of one level."""
    say(f"\n{sandbox.description}")
    for name, source in (("no imports", LIGHT), ("+".join(IMPORTS) or "no packages", HEAVY)):
        wall_s, cpu_s, start_s = one_by_one(sandbox, source)
        against = f"{wall_s / fork_s:5.1f} x fork, {interpreter_s / wall_s:5.1f} x faster than an interpreter"
        # A wrapper reports no CPU time of what it wrapped.
        cpu = f", CPU {ms(cpu_s)}" if cpu_s > 1e-4 else ""
        say(f"  {name:<14} {ms(wall_s)} a call ({against}){cpu}, start {ms(start_s)}")
    for workers in (1, 2):
        with sandbox.start(LIGHT, workers=workers) as process:
            elapsed = timed(lambda process=process: process.call_batch(pairs(N_BATCH)))  # type: ignore[misc]
        say(f"  {N_BATCH:,} calls, {workers} in flight: {elapsed:.1f} s, {N_BATCH / elapsed:,.0f} calls/s")
    say(f"  rewards bit-identical to an unsandboxed run: {n_identical(sandbox, n_items):,} of {n_items:,}")


def one_by_one(sandbox: Sandbox, source: str) -> tuple[float, float, float]:
    """Seconds of one warm call (median wall, mean CPU of the whole tree), and of the start."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    process = sandbox.start(source)
    start_s = time.perf_counter() - started
    process.close()
    idle = cpu_since(before)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with sandbox.start(source) as process:
        process.call_batch(pairs(5))
        walls = [timed(lambda pair=pair: process.call_batch([pair])) for pair in pairs(N_CALLS)]  # type: ignore[misc]
    return statistics.median(walls), max(0.0, cpu_since(before) - idle) / (N_CALLS + 5), start_s


def n_identical(sandbox: Sandbox, n_items: int) -> int:
    """Count rewards that equal, bit for bit, those of the same code run here."""
    namespace: dict[str, Any] = {"__name__": "grader"}
    exec(IDENTITY, namespace)
    calls = pairs(n_items)
    with sandbox.start(IDENTITY, workers=2) as process:
        results = process.call_batch(calls)
    wanted = [struct.pack(">d", namespace["grade"](*call)) for call in calls]
    return sum(
        r.value is not None and struct.pack(">d", r.value) == w for r, w in zip(results, wanted, strict=True)
    )


def pairs(n_calls: int) -> Sequence[tuple[dict[str, Any], dict[str, Any]]]:
    """Make calls whose texts differ in length and content."""
    words = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "again")
    texts = [" ".join(words[i % 7 : i % 7 + 3]) + f" {i}" for i in range(n_calls)]
    return [({"output_text": text}, {"answer": text[::2] + "x"}) for text in texts]


def bare_fork() -> float:
    """Median seconds of a fork of this process that exits at once."""

    def fork() -> None:
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)

    return statistics.median(timed(fork) for _ in range(N_CALLS))


def fresh_interpreter() -> float:
    """Median seconds of an interpreter that starts, does nothing and ends."""
    command = [sys.executable, "-I", "-S", "-c", "pass"]
    return statistics.median(timed(lambda: subprocess.run(command, check=True)) for _ in range(15))


def timed(work: Callable[[], object]) -> float:
    """Seconds of wall time that `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def cpu_since(before: resource.struct_rusage) -> float:
    """CPU seconds of ended children since `before`."""
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return now.ru_utime + now.ru_stime - before.ru_utime - before.ru_stime


def ms(seconds: float) -> str:
    """Write seconds as milliseconds."""
    return f"{seconds * 1000:6.1f} ms"


def say(line: str) -> None:
    """Print one line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
