"""Launch a run: intent first, then the act, each step on disk before the next.

In: a prepared spec, a provider, the ledger. Out: `LaunchReport`. The same spec and data launched twice are
one run, from whatever machine: the ledger is asked first, then the provider, whose jobs carry the hashes of
spec and data. After a crash or a lost reply the job is looked up by the launch id in its metadata before
anything is sent again. Without idempotency on the provider's side this rests on one bound, the settle window:
a job that its list hides for longer is never sent a second time by itself, and the user decides.

States: planned, uploading, sending (committed before the request leaves), unknown, refused, abandoned, then
the job's own status.
"""

from __future__ import annotations

import subprocess
import time
import uuid
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rftctl import __version__
from rftctl.commands.budget import RESERVED, check_budget, spending_of
from rftctl.commands.early import ask_early
from rftctl.commands.preparing import prepare_spec
from rftctl.commands.settings import chosen_settings
from rftctl.commands.settling import (
    LaunchReport,
    earlier_runs,
    find_elsewhere,
    give_up,
    look_in_doubt,
    record,
    settle,
)
from rftctl.commands.updates import Note, Progress
from rftctl.errors import OutcomeUnknownError, ProviderError
from rftctl.ledger import Run
from rftctl.providers import connect
from rftctl.providers.request import DATA_KEY, LAUNCH_KEY, RUN_KEY, SPEC_KEY, job_request
from rftctl.text import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from rftctl.commands.preparing import Prepared
    from rftctl.commands.updates import Command
    from rftctl.cost import CostEstimate
    from rftctl.home import Home
    from rftctl.ledger import Ledger
    from rftctl.providers.base import Provider


__all__ = ["LaunchReport", "Ticket", "known_file", "launch", "launch_spec", "request_of", "run_of"]


@dataclass(frozen=True, slots=True)
class Ticket:
    """Under which ids a launch goes out; a plan fixes them, so that the plan can be launched only once."""

    run_id: str
    launch_id: str

    @classmethod
    def new(cls, name: str) -> Ticket:
        """Draw new ids."""
        launch_id = uuid.uuid4().hex
        return cls(f"{name}-{launch_id[:6]}", launch_id)


def launch(
    prepared: Prepared,
    ledger: Ledger,
    provider: Provider,
    *,
    again: bool = False,
    may_spend: Callable[[CostEstimate], bool] = lambda _: False,
    ticket: Ticket | None = None,
) -> Command[LaunchReport]:
    """Launch a prepared spec once.

    Args:
        again: make a new run although this spec has one.
        may_spend: asked on a billed provider when the spec sets no budget.
        ticket: the ids to launch under; a launch that went out under them is found, never repeated.

    Raises:
        BudgetError: the estimate does not fit, or nobody agreed to spend.
        ProviderError: the provider refused; the run stays planned and can be launched again.
        OutcomeUnknownError: sent, no reply, and no such job found (yet).
        BusyError: another process is launching this spec now.
    """
    spec_file = prepared.spec_file
    lock = f"launch-{provider.name}-{spec_file.sha256[:16]}.lock"
    with ledger.lock(lock, f"launching '{spec_file.spec.name}'"):
        run = _earlier_run(prepared, ledger, provider, ticket, again)
        found = yield from _find(run, prepared, ledger, provider, again)
        if found is not None:
            return found
        spending = spending_of(prepared, ledger, provider.name, but=run.run_id if run else None)
        check_budget(prepared, provider.name, spending, may_spend)
        yield from ask_early(prepared, provider)
        run = run or _enter(prepared, ledger, provider, ticket)
        ledger.note(run.run_id, RESERVED, {"high_usd": prepared.estimate.high_usd})
        files = yield from _upload(run, prepared, ledger, provider)
        report = _send(run, prepared, ledger, provider, files)
        yield from _say(report, provider)
        return report


def launch_spec(
    spec_path: Path,
    home: Home,
    ledger: Ledger,
    *,
    target: str | None = None,
    overrides: Mapping[str, str] | None = None,
    again: bool = False,
    may_spend: Callable[[CostEstimate], bool] = lambda _: False,
    allow: Sequence[str] = (),
) -> Command[LaunchReport]:
    """Validate a spec, estimate its cost and launch it.

    Args:
        allow: codes of dated refusals that may pass, this time.

    Raises:
        InvalidInputError: with every error that validation found.
    """
    prepared = yield from prepare_spec(spec_path, home, target=target, overrides=overrides, allow=allow)
    with closing(connect(prepared.spec_file.spec.provider, home)) as provider:
        return (yield from launch(prepared, ledger, provider, again=again, may_spend=may_spend))


def run_of(prepared: Prepared, provider: str, ticket: Ticket) -> Run:
    """Describe the run that a launch would make."""
    spec_file = prepared.spec_file
    return Run(
        run_id=ticket.run_id,
        name=spec_file.spec.name,
        spec_path=str(spec_file.path.resolve()),
        spec_sha256=spec_file.sha256,
        data_sha256=prepared.data_sha256,
        grader_sha256=prepared.grader_sha256,
        provider=provider,
        model=spec_file.spec.model,
        target=spec_file.target,
        overrides=dict(prepared.overrides),
        launch_id=ticket.launch_id,
        created_at=int(time.time()),
        rftctl_version=__version__,
        git_commit=_git_commit(spec_file.path.resolve().parent),
    )


def request_of(prepared: Prepared, run: Run, files: Mapping[str, str]) -> dict[str, Any]:
    """Build the create request of a run, with the ids of its files."""
    return job_request(
        prepared.spec_file,
        prepared.profile,
        training_file=files["training_file"],
        validation_file=files.get("validation_file"),
        metadata={
            LAUNCH_KEY: run.launch_id,
            RUN_KEY: run.run_id,
            SPEC_KEY: run.spec_sha256,
            DATA_KEY: run.data_sha256,
        },
        judge=prepared.judge,
    )


def known_file(name: str, prepared: Prepared, ledger: Ledger, provider: Provider) -> str | None:
    """Name the file that the provider still holds with this content, if there is one."""
    known = ledger.upload(provider.name, prepared.data[name].sha256)
    return known if known and provider.has_file(known) else None


def _earlier_run(
    prepared: Prepared, ledger: Ledger, provider: Provider, ticket: Ticket | None, again: bool
) -> Run | None:
    runs = earlier_runs(prepared, ledger, provider.name)
    if ticket is not None:
        own = next((run for run in runs if run.launch_id == ticket.launch_id), None)
        if own is not None:
            return own
    return None if again or not runs else runs[0]


def _find(
    run: Run | None, prepared: Prepared, ledger: Ledger, provider: Provider, again: bool
) -> Command[LaunchReport | None]:
    found = None if run is None else (yield from settle(run, ledger, provider))
    if found is not None:
        return found
    if again:
        yield from give_up(prepared, ledger, provider)
        return None
    return (yield from find_elsewhere(prepared, ledger, provider))


def _enter(prepared: Prepared, ledger: Ledger, provider: Provider, ticket: Ticket | None) -> Run:
    run = run_of(prepared, provider.name, ticket or Ticket.new(prepared.spec_file.spec.name))
    ledger.add_run(run)
    ledger.note(run.run_id, "settings", {"settings": chosen_settings(prepared)})
    if prepared.allowed_codes:
        passed = [str(finding) for finding in prepared.allowed]
        ledger.note(run.run_id, "allowed", {"codes": list(prepared.allowed_codes), "findings": passed})
    return run


def _upload(run: Run, prepared: Prepared, ledger: Ledger, provider: Provider) -> Command[dict[str, str]]:
    ledger.set_state(run.run_id, "uploading")
    files: dict[str, str] = {}
    for name, data in prepared.data.items():
        known = known_file(name, prepared, ledger, provider)
        if known is None:
            yield Progress("upload", len(files), len(prepared.data), data.path.name)
            data.check_unchanged()
            known = provider.upload(data.path)
            data.check_unchanged()
            ledger.put_upload(provider.name, data.sha256, known)
        files[name] = known
    yield Progress("upload", len(files), len(files), plural(len(files), "file"))
    return files


def _send(
    run: Run, prepared: Prepared, ledger: Ledger, provider: Provider, files: dict[str, str]
) -> LaunchReport:
    request = request_of(prepared, run, files)
    ledger.note(run.run_id, "request", {"body": request})
    # The intent is on disk before the act: from here on a crash leaves something to look for.
    ledger.note(run.run_id, "sending", {"sent_at": time.time()})
    ledger.set_state(run.run_id, "sending")
    try:
        job = provider.create_job(request)
    except OutcomeUnknownError:
        ledger.set_state(run.run_id, "unknown")
        found = look_in_doubt(run, ledger, provider)
        if found is None:
            raise
        return found
    except ProviderError:
        ledger.set_state(run.run_id, "refused")
        raise
    record(run, ledger, job)
    return LaunchReport(ledger.run(run.run_id), job, is_new=True)


def _say(report: LaunchReport, provider: Provider) -> Command[None]:
    job = report.job
    yield Note(f"job {job.id} created at {provider.name}")
    if job.metadata.get(LAUNCH_KEY) != report.run.launch_id:
        yield Note(
            f"{provider.name} keeps no metadata with a job, so only this machine knows of this launch",
            "warning",
        )
    for other in report.duplicates:
        yield Note(
            f"this launch made job {other} too; adopt and cancel it: rftctl runs adopt {other}", "error"
        )


def _git_commit(folder: Path) -> str | None:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
