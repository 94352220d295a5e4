"""How many CPU threads to use, and how they wait for each other.

In: this machine's cores and how busy they are now. Out: a thread count with its reason, and the
environment a worker process must be started with (OpenMP reads it once, before torch is loaded).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_SAMPLE_S = 0.25
_CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")
_CPU_INFO = Path("/proc/cpuinfo")
_SPIN_COUNT = 3000
_WAIT_POLICY = {
    # Threads that spin at a barrier burn the very core that the last thread is waiting for, and threads
    # that sleep at once wake up late: a step on two idle cores took 9.0 s with this count, 14.6 s with 0
    # and 9.4 s with OpenMP's endless default, which costs many times more as soon as a core is busy.
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": str(_SPIN_COUNT),
    "KMP_BLOCKTIME": "0",
}


@dataclass(frozen=True, slots=True)
class ThreadChoice:
    """A thread count and why."""

    n_threads: int
    n_cores: int
    n_free: float
    reason: str

    def description(self) -> dict[str, str]:
        """Say the choice in words, for a job's history."""
        return {
            "threads": f"{self.n_threads} ({self.reason})",
            "free_cores": f"{self.n_free:.1f} of {self.n_cores}",
            "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY", "not set").lower(),
            "spin_count": os.environ.get("GOMP_SPINCOUNT", "not set"),
        }


def choose_threads(wished: int | None = None) -> ThreadChoice:
    """Choose threads from the cores that are free now, measured over a quarter of a second.

    Args:
        wished: a count the user set; it is kept as it is.
    """
    n_cores = usable_cores()
    n_free = _free_cores(n_cores)
    if wished is not None:
        return ThreadChoice(wished, n_cores, n_free, "as set")
    from_environment = os.environ.get("OMP_NUM_THREADS", "")
    if from_environment.isdecimal() and int(from_environment) > 0:
        return ThreadChoice(int(from_environment), n_cores, n_free, "from OMP_NUM_THREADS")
    # Rounded to the nearest: a core that is half idle still helps, a busy one slows every barrier.
    n_threads = max(1, min(n_cores, round(n_free)))
    return ThreadChoice(n_threads, n_cores, n_free, "as many as cores are free")


def usable_cores() -> int:
    """Count physical cores this process may use: affinity and container quota included."""
    import psutil

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limits = [allowed, psutil.cpu_count(logical=False) or allowed, _quota()]
    return max(1, int(min(limit for limit in limits if limit)))


def _quota() -> float:
    # "max 100000" or "200000 100000": microseconds of CPU per period.
    try:
        share, period = _CGROUP_LIMIT.read_text("ascii").split()[:2]
        return 0.0 if share == "max" else int(share) / int(period)
    except (OSError, ValueError):
        return 0.0


def _free_cores(n_cores: int) -> float:
    import psutil

    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    busy = psutil.cpu_percent(interval=_SAMPLE_S, percpu=True)
    mine = [share for cpu, share in enumerate(busy) if allowed is None or cpu in allowed]
    # Hyper-threads: free capacity scales from logical to physical cores.
    return float(sum(100.0 - share for share in mine)) / 100.0 * n_cores / max(1, len(mine))


def worker_environment(threads: int | None = None) -> dict[str, str]:
    """Give the variables a worker process needs in its environment before torch is imported.

    Args:
        threads: fixes the worker's thread count; None lets it choose from what is free.
    """
    if threads is None:
        return dict(_WAIT_POLICY)
    return {**_WAIT_POLICY, "OMP_NUM_THREADS": str(threads)}


def has_native_bfloat16() -> bool:
    """Tell whether the processor multiplies bfloat16 itself; emulated, it is slower than float32."""
    try:
        words = set(_CPU_INFO.read_text("ascii", errors="replace").split())
    except OSError:
        return False
    return bool(words & {"avx512_bf16", "amx_bf16"})
