"""What must come of each fault on each call, written down before anything is run.

In: the name of a call, a fault, and whether it strikes once or always. Out: `Expected`. Exit codes are those
of the command line: 0 done, 1 some failed, 2 no such thing, 3 not valid, 4 nothing graded, 5 the provider
refused or was not reached, 9 unknown, 10 timed out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tests.faults.faults import Fault

Mode = Literal["once", "always"]
DONE, SOME_FAILED, USAGE, INVALID, UNGRADED, REFUSED, UNKNOWN, TIMED_OUT = 0, 1, 2, 3, 4, 5, 9, 10
UNANSWERED = ("lost", "late", "broken", "unusable", "stranger")
ALIVE = frozenset({"queued", "running", "succeeded"})


@dataclass(frozen=True)
class Expected:
    """What must come of it.

    Attributes:
        codes: the exit codes that are right.
        states: the run's states that are right afterwards; None where no run need exist.
        jobs: how many jobs there are at the service afterwards.
        then: the exit codes of a launch after the fault has gone; None where it is not tried.
        creates: how many creates the service has seen after that.
    """

    codes: frozenset[int]
    states: frozenset[str] | None
    jobs: int
    then: frozenset[int] | None = None
    creates: int = 1


def _expected(
    codes: set[int], states: set[str] | None, jobs: int, then: int | None, creates: int = 1
) -> Expected:
    return Expected(
        frozenset(codes),
        None if states is None else frozenset(states) if states else ALIVE,
        jobs,
        None if then is None else frozenset({then}),
        creates,
    )


def expect(call: str, fault: Fault, mode: Mode) -> Expected:
    """Look up what must come of a fault on a call."""
    if call.startswith("upload"):
        return _upload(fault)
    if call == "create":
        return _create(fault)
    if call in ("look up", "adopt"):
        return _look_up(fault) if call == "look up" else _adopt(fault, mode)
    if call in ("pause", "resume", "cancel"):
        return _control(fault)
    if call.startswith("watch"):
        return _watch(fault, mode)
    if call == "chat":
        return _chat(fault, mode)
    if call == "files: delete":
        return _delete(fault)
    if call in ("import: file", "import: events"):
        return _luggage(fault, mode)
    if call == "models":
        # What a service will not tell of its models is a note, a wrong tale a finding; nothing is made.
        return _expected({DONE, INVALID, REFUSED}, None, 0, DONE)
    return _read(fault, mode)


def _upload(fault: Fault) -> Expected:
    """An upload of which nothing is known is not repeated by itself; the next launch sends it again."""
    if fault.kind == "harmless" or fault.name == "JSON as text":
        return _expected({DONE}, set(), 1, DONE)
    codes = {"unusable": {REFUSED, UNKNOWN}}.get(
        fault.kind, {UNKNOWN if fault.kind in UNANSWERED else REFUSED}
    )
    return _expected(codes, {"planned", "uploading"}, 0, DONE)


def _create(fault: Fault) -> Expected:
    """Without a clear answer it looks; what it finds is adopted, what it does not find stays unknown."""
    if fault.kind == "harmless" or (fault.kind in UNANSWERED and fault.acts):
        return _expected({DONE}, set(), 1, DONE)
    if fault.kind in UNANSWERED:
        return _expected({UNKNOWN}, {"unknown"}, 0, UNKNOWN)
    return _expected({REFUSED}, {"refused"}, 0, DONE, creates=2)


def _look_up(fault: Fault) -> Expected:
    """Nothing is sent while it is not known whether it was sent before; 404 says that there is no list."""
    if fault.kind == "harmless" or fault.name == "404":
        return _expected({DONE}, set(), 1, DONE)
    if fault.kind == "listing":
        return Expected(frozenset({DONE, REFUSED}), None, -1, frozenset({DONE}))
    return Expected(frozenset({REFUSED}), None, 0, frozenset({DONE}))


def _adopt(fault: Fault, mode: Mode) -> Expected:
    """The job was made and the reply lost: until it is found the outcome is unknown."""
    if fault.kind == "harmless":
        return _expected({DONE}, set(), 1, DONE)
    if mode == "once" or fault.kind == "listing":
        return _expected({DONE, UNKNOWN}, {"unknown", *ALIVE}, 1, DONE)
    return _expected({UNKNOWN}, {"unknown"}, 1, DONE)


def _control(fault: Fault) -> Expected:
    """Sent once; without a clear answer the job is looked at, and only what it shows is believed."""
    states = {"queued", "running", "paused", "cancelled", "succeeded"}
    if fault.kind == "harmless" or (fault.kind in UNANSWERED and fault.acts):
        return _expected({DONE}, states, 1, None)
    return _expected({UNKNOWN} if fault.kind in UNANSWERED else {REFUSED}, states, 1, None)


def _luggage(fault: Fault, mode: Mode) -> Expected:
    """What cannot be had is said, in the exit code too, and the rest is carried home."""
    is_had = fault.kind in ("harmless", "listing") or fault.name in ("more without data", "odd rows")
    codes = {DONE, SOME_FAILED} if is_had or mode == "once" else {SOME_FAILED}
    return _expected(codes, set(), 1, DONE)


def _delete(fault: Fault) -> Expected:
    """Sent once; a reply that says nothing is looked into, and 404 says that it was gone."""
    if fault.kind == "harmless" or fault.name == "404":
        return _expected({DONE}, {"succeeded"}, 1, DONE)
    codes = {DONE, REFUSED} if fault.kind == "unusable" and fault.acts else {REFUSED}
    return _expected(codes, {"succeeded"}, 1, DONE)


def _watch(fault: Fault, mode: Mode) -> Expected:
    """A watch outlives what passes, and gives up on what it is told will not."""
    if fault.name == "odd rows" and mode == "always":
        return _expected({DONE, TIMED_OUT, REFUSED}, set(), 1, DONE)
    if fault.kind in ("harmless", "listing"):
        return _expected({DONE}, {"succeeded"}, 1, DONE)
    if fault.kind == "redirected" or (fault.kind == "refused" and fault.name != "409"):
        return _expected({REFUSED}, set(), 1, DONE)
    if mode == "once":
        return _expected({DONE}, {"succeeded"}, 1, DONE)
    codes = (
        {TIMED_OUT, REFUSED}
        if fault.kind in ("unusable", "stranger") or fault.name == "429, no quota"
        else {TIMED_OUT}
    )
    return _expected(codes, set(), 1, DONE)


def _chat(fault: Fault, mode: Mode) -> Expected:
    """A question without an answer has no reward; with none at all there is nothing to say."""
    if fault.kind == "harmless":
        return _expected({DONE}, {"succeeded"}, 1, DONE)
    codes = {DONE, SOME_FAILED} if mode == "once" else {UNGRADED, REFUSED}
    return _expected(codes, {"succeeded"}, 1, DONE)


def _read(fault: Fault, mode: Mode) -> Expected:
    """Reads are repeated within their deadline; what lasts is said."""
    if fault.name in ("more without data", "odd rows"):
        return _expected({DONE, USAGE, REFUSED}, set(), 1, DONE)
    if fault.kind in ("harmless", "listing"):
        return _expected({DONE}, set(), 1, DONE)
    return _expected({DONE, REFUSED} if mode == "once" else {REFUSED}, set(), 1, DONE)
