"""Fails the disk at every Nth write of a launch, once or for good, and counts what was lost.

In: which writes. Out: figures and violations. Run as `python -m tests.faults.storage [--every 1]`.
"""

from __future__ import annotations

import argparse
import errno
import shutil
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.faults import forker
from tests.faults.kills import Place, read_ledger
from tests.faults.tracer import Act, Call, Trace, trace
from tests.faults.world import FaultServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.forker import Outcome

DONE, STORAGE_FAILED = 0, 11


@dataclass(frozen=True)
class Ill:
    """One way in which a disk fails.

    Attributes:
        calls: the names of the calls that can fail so; none stands for all.
    """

    name: str
    error: int
    stays: bool
    calls: frozenset[str]

    def strikes(self, call: Call) -> bool:
        """Whether a call can fail so."""
        return call.is_file and call.name in self.calls


_GROWING = frozenset({"write", "pwrite64", "writev", "pwritev", "ftruncate", "fallocate"})
ILLS = [
    Ill("disk full for good", errno.ENOSPC, True, _GROWING),
    Ill("one write without room", errno.ENOSPC, False, _GROWING),
    Ill("one I/O error", errno.EIO, False, _GROWING | {"fsync", "fdatasync"}),
    Ill("I/O errors for good", errno.EIO, True, _GROWING | {"fsync", "fdatasync"}),
]


@dataclass
class Figures:
    """What one ill came to."""

    ill: str
    points: int = 0
    refused: int = 0
    violations: list[str] = field(default_factory=list)

    def line(self) -> str:
        """All of it on one line."""
        return (
            f"{self.ill}: {self.points} points, {self.refused} ended in exit 11, "
            f"{len(self.violations)} violations"
        )


def fail_each(server: FaultServer, ill: Ill, every: int) -> Figures:
    """Let the ill strike at each `every`th call of a launch, then launch again on a healthy disk."""
    figures, number = Figures(ill.name), 1
    while True:
        place = Place(server)
        act = Act(at=number, error=ill.error, stays=ill.stays, counts=ill.strikes)
        struck = trace(place.launch(), act)
        if not struck.was_hit:
            shutil.rmtree(place.folder)
            return figures
        figures.points += 1
        figures.refused += struck.outcome.code == STORAGE_FAILED
        where = (
            f"{ill.name} at call {number}, {struck.calls[number - 1].name} of {struck.calls[number - 1].on}"
        )
        found = [f"{wrong} ({where}, {place.folder})" for wrong in _look(place, struck)]
        last = forker.run(place.launch())
        figures.violations += [*found, *place.judge(last, where)]
        number += every


def _look(place: Place, struck: Trace) -> Iterator[str]:
    ended, jobs = struck.outcome, place.world.jobs()
    if ended.code not in (DONE, STORAGE_FAILED):
        yield f"exit {ended.code}: {ended.said[-300:]}"
    if "Traceback" in ended.said:
        yield f"a trace: {ended.said[-300:]}"
    if jobs and jobs[0]["id"] not in ended.said:
        yield f"job '{jobs[0]['id']}' was made and is not named: {ended.said[-300:]}"
    if ended.code == DONE and not _is_kept(place, ended):
        yield "the launch was acknowledged and its record is lost"


def _is_kept(place: Place, ended: Outcome) -> bool:
    broken, ours = read_ledger(place.home)
    return not broken and any(job is not None and job in ended.said for job in ours)


def attack(every: int) -> list[Figures]:
    """Try every ill and return its figures."""
    forker.load()
    with FaultServer() as server:
        return [fail_each(server, ill, every) for ill in ILLS]


def main() -> int:
    """Fail the disk as the arguments say; 1 when anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1)
    given = parser.parse_args()
    figures = attack(given.every)
    for one in figures:
        sys.stdout.write(one.line() + "\n")
        for violation in one.violations[:20]:
            sys.stdout.write(f"  VIOLATION {violation}\n")
    return int(any(one.violations for one in figures))


if __name__ == "__main__":
    sys.exit(main())
