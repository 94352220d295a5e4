"""Where untrusted python graders run: in a process of their own that has given up everything else.

In: a grader's source and (sample, item) pairs. Out: a number each, or why there is none.
"""

from __future__ import annotations

from rftctl.sandbox.choose import Sandbox, choose_sandbox, probe_levels
from rftctl.sandbox.level import FIDELITY, CallResult, Limits, ProbeResult, SandboxLevel
from rftctl.sandbox.process import GraderProcess

__all__ = [
    "FIDELITY",
    "CallResult",
    "GraderProcess",
    "Limits",
    "ProbeResult",
    "Sandbox",
    "SandboxLevel",
    "choose_sandbox",
    "probe_levels",
]
