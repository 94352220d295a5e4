"""The nouns of the sandbox: how strong it is, what it allows, what one call gave.

In: nothing. Out: `SandboxLevel`, `Limits`, `FIDELITY`, `CallResult`, `ProbeResult`.
Source of `FIDELITY`: the hosted python grader's documented limits (2 minutes, 2 GB memory, 1 GB disk).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

MIB = 2**20
GIB = 2**30

Status = Literal["ok", "runtime_error", "timeout", "memory", "bad_value", "killed", "server_error", "forged"]


class SandboxLevel(StrEnum):
    """How strongly untrusted code is contained; there is no level 0."""

    ISOLATED = "S3"
    CONFINED = "S2"
    LIMITED = "S1"

    @property
    def word(self) -> str:
        """The level as one English word: isolated, confined, limited."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call of a grader may use.

    Attributes:
        time_s: wall time, seconds; enforced by a kill from outside.
        memory_bytes: memory of the process, what it imported included.
        disk_bytes: size of the scratch folder at S3; below it there is no writable folder.
    """

    time_s: float = 10.0
    memory_bytes: int = 2 * GIB
    disk_bytes: int = 64 * MIB

    def describe(self, level: SandboxLevel) -> str:
        """Say in words what one call gets at a level."""
        disk = f"{self.disk_bytes // MIB:,} MiB" if level is SandboxLevel.ISOLATED else "no"
        return f"a call gets {self.time_s:g} s, {self.memory_bytes // MIB:,} MiB of memory, {disk} disk"


DEFAULT_LIMITS = Limits()

FIDELITY = Limits(time_s=120.0, memory_bytes=2 * GIB, disk_bytes=1 * GIB)
"""The hosted platform's own limits."""


@dataclass(frozen=True, slots=True)
class CallResult:
    """What one call of `grade(sample, item)` gave.

    Attributes:
        value: a finite number, or None for every status but `ok`.
        detail: one line, safe to show, saying what went wrong; "" for `ok`.
        execution_time_s: wall time of the call, seconds.
    """

    value: float | None
    status: Status
    detail: str = ""
    execution_time_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Whether one level works on this machine, as found by trying forbidden acts in it.

    Attributes:
        parts: what holds it together here, such as "landlock 7, seccomp, limits".
        reason: why it does not work; "" when it does.
        remedy: how to make it work; "" when it does or nothing can be done.
    """

    level: SandboxLevel
    works: bool
    parts: str
    reason: str = ""
    remedy: str = ""
