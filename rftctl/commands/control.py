"""Pause, resume and cancel a run, and say what that means for the bill.

In: a run of the ledger and its provider. Out: `ControlReport`.
Sources: the billing help article of reinforcement fine-tuning, and Azure's cost management page (2026-11-22).
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rftctl.commands.updates import Note
from rftctl.errors import NotOfferedError, OutcomeUnknownError, ProviderError, UsageError
from rftctl.providers import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rftctl.commands.updates import Command
    from rftctl.home import Home
    from rftctl.ledger import Ledger, Run
    from rftctl.profiles import Profile
    from rftctl.providers.base import Provider
    from rftctl.wire import Job

Action = Literal["pause", "resume", "cancel"]

_MEANING = {
    "pause": "what was trained and graded so far is billed now, paused time is not; the snapshot is a model "
    "of its own once it has passed its safety checks",
    "resume": "billing goes on with the training, from the snapshot",
    "cancel": "this is final: the job can never go on, and what was trained so far is billed",
}
_FREE_MEANING = {
    "pause": "the job stops after its present step and keeps its state",
    "resume": "the job goes on from its last checkpoint",
    "cancel": "this is final: the job can never go on; its checkpoints stay",
}
_DONE = {"pause": {"paused"}, "cancel": {"cancelled"}, "resume": {"queued", "running", "validating_files"}}


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
    """Ask the provider to pause, resume or cancel the run's job; the intent is noted first.

    Raises:
        NotOfferedError: this provider cannot pause.
        UsageError: the run has no job.
        ProviderError: the job is in no state for it.
        OutcomeUnknownError: no clear answer came, and the job does not show the change.
    """
    if run.job_id is None:
        raise UsageError(
            f"run '{run.run_id}' has no job to {action}", f"launch it: rftctl launch {run.spec_path}"
        )
    if action != "cancel" and not provider.profile.can_pause:
        raise NotOfferedError(
            f"{provider.name} cannot {action} a job",
            "cancel it (what was trained so far is billed, and it cannot go on), or let it run",
        )
    for meaning in meanings(action, provider.profile):
        yield Note(meaning)
    ledger.note(run.run_id, "control", {"action": action, "asked": True})
    act = {"pause": provider.pause, "resume": provider.resume, "cancel": provider.cancel}[action]
    try:
        job = act(run.job_id)
    except OutcomeUnknownError:
        job = _look(action, run.job_id, provider)
    ledger.note(run.run_id, "control", {"action": action, "status": job.status})
    ledger.set_state(run.run_id, job.status)
    return ControlReport(action, ledger.run(run.run_id), job)


def control_run(action: Action, run: Run, home: Home, ledger: Ledger) -> Command[ControlReport]:
    """Connect to the run's provider and ask it."""
    with closing(connect(run.provider, home)) as provider:
        return (yield from control(action, run, ledger, provider))


def meanings(action: Action, profile: Profile) -> Iterator[str]:
    """Say what an action means for the job and the bill."""
    if not profile.is_billed:
        yield _FREE_MEANING[action]
        return
    yield _MEANING[action]
    if action == "resume" and profile.pauses_at_usd is not None:
        yield (
            f"{profile.name} pauses a job once at ${profile.pauses_at_usd:,.0f}; a resumed job has no cap "
            "any more, so keep `rftctl watch` on its budget"
        )


def _look(action: Action, job_id: str, provider: Provider) -> Job:
    """Read the job when the answer was lost: these three may be repeated, and their effect shows."""
    try:
        job = provider.job(job_id)
    except ProviderError:
        job = None
    if job is None or job.status not in _DONE[action]:
        raise OutcomeUnknownError(
            f"{provider.name} did not answer clearly, and job '{job_id}' does not show the {action} (yet)",
            "look: rftctl runs; asking again does no harm",
        )
    return job
