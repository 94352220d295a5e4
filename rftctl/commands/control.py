"""Pause, resume and cancel a run, and say what that means for the bill.

In: a run of the ledger and its provider. Out: `ControlReport`.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rftctl.commands.updates import Note
from rftctl.errors import NotOfferedError, UsageError
from rftctl.providers import connect

if TYPE_CHECKING:
    from rftctl.commands.updates import Command
    from rftctl.home import Home
    from rftctl.ledger import Ledger, Run
    from rftctl.providers.base import Provider
    from rftctl.wire import Job

Action = Literal["pause", "resume", "cancel"]

_MEANING = {
    "pause": "paused time is not billed; what was trained so far is",
    "resume": "billing goes on with the training",
    "cancel": "a cancelled job cannot go on, and what was trained so far is billed",
}


@dataclass(frozen=True, slots=True)
class ControlReport:
    """What was asked of the job, and what it says of itself now."""

    action: Action
    run: Run
    job: Job

    exit_code = 0

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.control/1` document."""
        return {
            "schema": "rftctl.control/1",
            "action": self.action,
            "run_id": self.run.run_id,
            "job_id": self.job.id,
            "status": self.job.status,
        }


def control(action: Action, run: Run, ledger: Ledger, provider: Provider) -> Command[ControlReport]:
    """Ask the provider to pause, resume or cancel the run's job.

    Raises:
        NotOfferedError: this provider cannot pause.
        UsageError: the run has no job.
        ProviderError: the job is in no state for it.
    """
    if run.job_id is None:
        raise UsageError(
            f"run '{run.run_id}' has no job to {action}", f"launch it: rftctl launch {run.spec_path}"
        )
    if action != "cancel" and not provider.profile.can_pause:
        raise NotOfferedError(f"{provider.name} cannot {action} a job", "cancel it, or let it run")
    if provider.profile.is_billed:
        yield Note(_MEANING[action])
    act = {"pause": provider.pause, "resume": provider.resume, "cancel": provider.cancel}[action]
    job = act(run.job_id)
    ledger.note(run.run_id, "control", {"action": action, "status": job.status})
    ledger.set_state(run.run_id, job.status)
    return ControlReport(action, ledger.run(run.run_id), job)


def control_run(action: Action, run: Run, home: Home, ledger: Ledger) -> Command[ControlReport]:
    """Connect to the run's provider and ask it."""
    with closing(connect(run.provider, home)) as provider:
        return (yield from control(action, run, ledger, provider))
