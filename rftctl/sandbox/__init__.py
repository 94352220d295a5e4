"""Where untrusted python graders run: in a process of their own that has given up everything else.

In: a grader's source and (sample, item) pairs. Out: a number each, or why there is none.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rftctl.sandbox.choose import Sandbox, choose_sandbox, probe_levels
    from rftctl.sandbox.level import DEFAULT_LIMITS, FIDELITY, CallResult, Limits, ProbeResult, SandboxLevel
    from rftctl.sandbox.process import GraderProcess

__all__ = [
    "DEFAULT_LIMITS",
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

# Looked up on first use: a worker loads this package too, and every module it holds makes each fork dearer.
_MODULES = {
    "Sandbox": "choose",
    "choose_sandbox": "choose",
    "probe_levels": "choose",
    "GraderProcess": "process",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'level')}"), name)
