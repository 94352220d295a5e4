"""How the worker and each of its children give up what they do not need.

In: the level, limits and paths of a sandbox. Out: this process, confined. Runs inside the sandbox only.
The worker gives up everything but starting children; each child then gives up that as well, and gets
a Landlock domain of its own, so that children reach neither the worker nor one another.
"""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass

from rftctl.sandbox import landlock, seccomp
from rftctl.sandbox.privileges import drop_privileges, make_undumpable

_MAX_FILES = 128
_MAX_PROCESSES = 256
_HEADROOM_BYTES = 64 << 20
_TRUNCATE_ABI = 3


@dataclass(frozen=True, slots=True)
class Confinement:
    """Everything prepared once in the worker, so that a child only has to enforce it.

    Attributes:
        rulesets: Landlock descriptors, one a slot; empty at S1.
        program: seccomp filter of a child, or None at S1.
    """

    rulesets: tuple[int, ...]
    program: bytes | None
    time_s: float
    file_bytes: int


def confine_worker(
    level: str, readable: list[str], slots: list[str | None], limits: tuple[float, int]
) -> Confinement:
    """Confine the worker and prepare what its children will enforce.

    Args:
        level: "S1", "S2" or "S3".
        readable: paths that stay readable.
        slots: one for each call in flight: its scratch folder, or None.
        limits: wall time of a call in seconds; bytes a child may write to any one file.

    Raises:
        OSError: the kernel refuses a part that this level promises.
    """
    time_s, file_bytes = limits
    make_undumpable()
    drop_privileges()
    if level == "S1":
        return Confinement((), None, time_s, file_bytes)
    guard = landlock.abi_version() < _TRUNCATE_ABI
    scratch = [[slot] if slot else [] for slot in slots]
    rulesets = tuple(landlock.make_ruleset(readable, writable) for writable in scratch)
    landlock.restrict(
        landlock.make_ruleset(readable, [folder for writable in scratch for folder in writable])
    )
    program = seccomp.build_filter(guard_truncation=guard)
    seccomp.install(seccomp.build_filter(for_worker=True, guard_truncation=guard))
    return Confinement(rulesets, program, time_s, file_bytes)


def confine_child(confinement: Confinement, slot: int, memory_bytes: int) -> None:
    """Confine a freshly forked child for good; the order matters, since each step costs an ability.

    Raises:
        OSError: the kernel refuses; nothing untrusted may run then.
    """
    _limit_resources(confinement, memory_bytes)
    if confinement.rulesets:
        landlock.restrict(confinement.rulesets[slot])
    if confinement.program is not None:
        seccomp.install(confinement.program)


def _limit_resources(confinement: Confinement, memory_bytes: int) -> None:
    # A spinning child has at most all cores; the wall clock of the worker ends it long before this does.
    cpu_s = (int(confinement.time_s) + 1) * (os.cpu_count() or 1) + 1
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_FSIZE: confinement.file_bytes,
        resource.RLIMIT_NOFILE: _MAX_FILES,
        resource.RLIMIT_AS: memory_bytes,
    }
    if confinement.program is None:
        # Binds no root, and counts all of a user's processes; elsewhere seccomp refuses processes.
        limits[resource.RLIMIT_NPROC] = _MAX_PROCESSES
    for kind, value in limits.items():
        _lower(kind, value)


def _lower(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (bound, bound))


def memory_ceiling(statm: bytes, memory_bytes: int) -> int:
    """Turn a memory limit into an address-space limit, bytes.

    Address space that is mapped but not resident does not count against the grader; what its imports
    occupy does. A little headroom stays even when they occupy everything.

    Args:
        statm: the worker's own /proc/self/statm, or b"" where there is none.
    """
    if not statm:
        return memory_bytes
    size, resident = (int(pages) * resource.getpagesize() for pages in statm.split()[:2])
    return max(size - resident + memory_bytes, size + _HEADROOM_BYTES)
