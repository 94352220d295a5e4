"""Find out what became of an earlier launch before anything is sent again.

In: a run, its provider, the ledger. Out: `LaunchReport` when its job is found, None when nothing was ever
sent, OutcomeUnknownError when something was sent and no job shows. Absence from a list proves nothing before
the settle window is over, and after it the user decides.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rftctl.commands.adopt import enter_job, find_job, record_job
from rftctl.commands.updates import Note
from rftctl.errors import OutcomeUnknownError, ProviderError, StorageError
from rftctl.providers.request import LAUNCH_KEY
from rftctl.text import one_line

if TYPE_CHECKING:
    from rftctl.commands.preparing import Prepared
    from rftctl.commands.updates import Command
    from rftctl.ledger import Ledger, Run
    from rftctl.providers.base import Provider
    from rftctl.wire import Job

# "uploading" is entered only while nothing is outstanding.
_NOT_SENT = ("planned", "uploading", "refused")
NOT_LISTED = (404, 405, 501)
"""With these statuses a provider says that it offers no list of jobs."""
SETTLE_S = 600.0
"""How long a job may take to show up in a list after its create was sent; no service publishes a bound."""


@dataclass(frozen=True, slots=True)
class LaunchReport:
    """The run and its job; `is_new` is False when this spec had been launched before.

    Attributes:
        duplicates: further jobs of the same launch, which only a provider's fault can make.
    """

    run: Run
    job: Job
    is_new: bool
    duplicates: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0; 1 when the run found had failed or was cancelled; 9 when the launch has more jobs than one."""
        if self.duplicates:
            return 9
        return 1 if self.job.status in ("failed", "cancelled") else 0

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.launch/1` document."""
        return {
            "schema": "rftctl.launch/1",
            "run_id": self.run.run_id,
            "job_id": self.job.id,
            "provider": self.run.provider,
            "status": self.job.status,
            "is_new": self.is_new,
            "duplicates": list(self.duplicates),
        }


def settle_s() -> float:
    """Say how long absence from a list proves nothing: seconds, `RFTCTL_SETTLE_S` if it is set."""
    try:
        chosen = float(os.environ.get("RFTCTL_SETTLE_S", ""))
    except ValueError:
        return SETTLE_S
    return chosen if chosen >= 0 else SETTLE_S


def earlier_runs(prepared: Prepared, ledger: Ledger, provider: str) -> list[Run]:
    """List the runs of exactly this spec and these rows, newest first, without those given up."""
    runs = ledger.find_launched(prepared.spec_file.sha256, provider)
    data_sha256 = prepared.data_sha256
    return [run for run in runs if run.data_sha256 == data_sha256 and run.state != "abandoned"]


def settle(run: Run, ledger: Ledger, provider: Provider) -> Command[LaunchReport | None]:
    """Find the job of an earlier launch; None when nothing was ever sent, so that it may be sent now."""
    if run.job_id is not None:
        job = provider.job(run.job_id)
        ledger.set_state(run.run_id, job.status)
        yield Note(f"this spec is run {run.run_id} already; --again makes a new one")
        return LaunchReport(ledger.run(run.run_id), job, is_new=False)
    sent = ledger.newest(run.run_id, "sending")
    if sent is None or run.state in _NOT_SENT:
        yield Note(f"run {run.run_id} had not been sent yet; going on with it")
        return None
    yield Note(f"run {run.run_id} was sent and never confirmed; looking for its job at {provider.name}")
    found = _look(run, ledger, provider, is_new=False)
    if found is not None:
        return found
    ledger.set_state(run.run_id, "unknown")
    raise _not_found(run, provider, float(sent["sent_at"]))


def give_up(prepared: Prepared, ledger: Ledger, provider: Provider) -> Command[None]:
    """Look once more for a launch of unknown outcome before its user makes a new one on purpose."""
    for run in earlier_runs(prepared, ledger, provider.name):
        sent = ledger.newest(run.run_id, "sending")
        if run.job_id is not None or sent is None or run.state in _NOT_SENT:
            continue
        found = _look(run, ledger, provider, is_new=False)
        if found is not None:
            yield Note(
                f"the job of run {run.run_id} has shown up: {found.job.id}, {found.job.status}", "warning"
            )
        elif time.time() - float(sent["sent_at"]) >= settle_s():
            ledger.set_state(run.run_id, "abandoned")
            yield Note(f"run {run.run_id} was sent and never showed up; it is given up now", "warning")
        else:
            yield Note(f"the outcome of run {run.run_id} is still unknown; this makes another run", "warning")


def find_elsewhere(prepared: Prepared, ledger: Ledger, provider: Provider) -> Command[LaunchReport | None]:
    """Look for this spec among the provider's own jobs: another machine may have launched it.

    Two machines that launch at the same instant do not see each other; no provider offers what it would take.
    """
    try:
        job = find_job(provider, prepared.spec_file.sha256, prepared.data_sha256)
    except ProviderError as error:
        if error.status not in NOT_LISTED:
            raise
        yield Note(
            f"{provider.name} lists no jobs, so a launch from another machine cannot be seen", "warning"
        )
        return None
    if job is None:
        return None
    run, _ = enter_job(
        job, ledger, provider.name, spec_file=prepared.spec_file, overrides=dict(prepared.overrides)
    )
    yield Note(f"this spec was launched from another place: job {job.id}; --again makes a new one")
    return LaunchReport(run, job, is_new=False)


def look_in_doubt(run: Run, ledger: Ledger, provider: Provider) -> LaunchReport | None:
    """Look for the job of a launch whose answer was lost; None when it does not show or nobody answers."""
    try:
        return _look(run, ledger, provider, is_new=True)
    except ProviderError:
        # What swallowed the reply often swallows the question after it too.
        return None


def _look(run: Run, ledger: Ledger, provider: Provider, *, is_new: bool) -> LaunchReport | None:
    jobs = sorted(provider.find_jobs({LAUNCH_KEY: run.launch_id}), key=lambda job: job.created_at)
    if not jobs:
        return None
    record(run, ledger, jobs[0])
    others = tuple(job.id for job in jobs[1:])
    if others:
        ledger.note(run.run_id, "duplicates", {"job_ids": list(others)})
    return LaunchReport(ledger.run(run.run_id), jobs[0], is_new, others)


def record(run: Run, ledger: Ledger, job: Job) -> None:
    """Write down the job of a run.

    Raises:
        StorageError: it could not be written; says the job's id.
    """
    try:
        record_job(run, ledger, job)
    except StorageError as error:
        # Whoever reads this line can find the job again even if the disk never takes another byte.
        raise StorageError(
            f"job {one_line(job.id)} of run '{run.run_id}' was created and not recorded: {error.message}",
            "free disk space, then launch again: the job is found by its launch id",
        ) from error


def _not_found(run: Run, provider: Provider, sent_at: float) -> OutcomeUnknownError:
    window_s = settle_s()
    if time.time() - sent_at < window_s:
        return OutcomeUnknownError(
            f"run '{run.run_id}' was sent to {provider.name} and no such job shows up (yet)",
            f"wait {window_s / 60:.0f} minutes and repeat the command; it looks before it sends",
        )
    return OutcomeUnknownError(
        f"run '{run.run_id}' was sent to {provider.name} and no such job ever showed up",
        "check the provider's own list: if the job is there, rftctl runs adopt JOB_ID "
        f"--run {run.run_id}; if it is not, launch with --again",
    )
