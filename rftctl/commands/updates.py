"""What a command says while it works.

In: nothing. Out: `Progress`, `Note`, `CurveUpdate`, `Stage`, `StageReport`, and the shape of a command.
A command is a generator: it yields updates and returns its report. The report layer shows both;
a command never prints, exits or knows that a terminal exists.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from rftctl.cost import CostEstimate
    from rftctl.curve import RewardCurve
    from rftctl.ledger import Run
    from rftctl.wire import Job


@dataclass(frozen=True, slots=True)
class Progress:
    """So much of a stage is done; `total` is None while nobody knows it."""

    stage: str
    done: int
    total: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """One line worth saying; `level` is info, warning or error."""

    message: str
    level: str = "info"


@dataclass(frozen=True, slots=True)
class CurveUpdate:
    """The state of a run at one moment; `message` is the newest line of its history that is no metric."""

    run: Run
    job: Job
    curve: RewardCurve
    cost: CostEstimate
    message: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the document `rftctl.watch/1`."""
        failure = self.job.failure
        return {
            "schema": "rftctl.watch/1",
            "run_id": self.run.run_id,
            "job_id": self.job.id,
            "status": self.job.status,
            "fine_tuned_model": self.job.fine_tuned_model,
            "error": failure and {"code": failure.code, "message": failure.message},
            "total_steps": self.curve.total_steps,
            "curve": self.curve.to_json(),
            "cost": self.cost.to_json(),
            "alerts": [],
        }


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a pipeline begins."""

    name: str


@dataclass(frozen=True, slots=True)
class StageReport:
    """A stage of a pipeline has ended, with what it found."""

    name: str
    report: object


Update: TypeAlias = Progress | Note | CurveUpdate | Stage | StageReport
Report = TypeVar("Report")
Command: TypeAlias = Generator[Update, None, Report]
"""What every command function returns: updates while it works, its report at the end."""


def finish(command: Generator[object, None, Report]) -> Report:
    """Run a command to its report and drop the updates; for callers that show nothing."""
    while True:
        try:
            next(command)
        except StopIteration as end:
            report: Report = end.value
            return report
