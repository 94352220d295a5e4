"""Launch a run: intent first, then the act, each step on disk before the next.

In: a valid `SpecFile`, a provider, the ledger. Out: `LaunchReport`. The same spec and data launched twice are
one run. After a crash or a lost reply the job is looked up by the launch id in its metadata before
anything is sent again.
"""

from __future__ import annotations

import hashlib
import subprocess
import time
import uuid
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rftctl import __version__
from rftctl.commands.opening import judge_settings
from rftctl.commands.updates import Note, Progress
from rftctl.commands.validate import validate
from rftctl.cost import estimate_cost
from rftctl.errors import BudgetError, InvalidInputError, OutcomeUnknownError, ProviderError
from rftctl.ledger import Run
from rftctl.providers import connect, profile_of
from rftctl.providers.request import job_request
from rftctl.spec import load_spec
from rftctl.text import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rftctl.commands.updates import Command
    from rftctl.cost import CostEstimate
    from rftctl.home import Home
    from rftctl.ledger import Ledger
    from rftctl.providers.base import Provider
    from rftctl.spec import SpecFile
    from rftctl.wire import Job

LAUNCH_KEY = "rftctl_launch"
SPEC_KEY = "rftctl_spec"
# "uploading" is entered only while nothing is outstanding.
_NOT_SENT = ("planned", "uploading", "refused")
SETTLE_S = 600.0
"""How long a job may take to show up in a list after its create was sent; no service publishes a bound."""


@dataclass(frozen=True, slots=True)
class LaunchReport:
    """The run and its job; `is_new` is False when this spec had been launched before."""

    run: Run
    job: Job
    is_new: bool

    @property
    def exit_code(self) -> int:
        """0, or 1 when the run found had failed or was cancelled."""
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
        }


def launch(
    spec_file: SpecFile,
    ledger: Ledger,
    provider: Provider,
    *,
    estimate: CostEstimate,
    judge: Mapping[str, Any] | None = None,
    overrides: Mapping[str, str] | None = None,
    again: bool = False,
    may_spend: Callable[[CostEstimate], bool] = lambda _: False,
) -> Command[LaunchReport]:
    """Launch a spec once.

    Args:
        estimate: what it is expected to cost; its upper end must fit `budget.max_usd`.
        judge: the user's own judge, for model graders on the embedded engine.
        overrides: the `--set` values in force, kept so that the spec can be loaded again.
        again: make a new run although this spec has one.
        may_spend: asked on a billed provider when the spec sets no budget.

    Raises:
        BudgetError: the estimate does not fit, or nobody agreed to spend.
        ProviderError: the provider refused; the run stays planned and can be launched again.
        OutcomeUnknownError: sent, no reply, and no such job found (yet).
        BusyError: another process is launching this spec now.
    """
    lock = f"launch-{provider.name}-{spec_file.sha256[:16]}.lock"
    with ledger.lock(lock, f"launching '{spec_file.spec.name}'"):
        found = _earlier_runs(spec_file, ledger, provider)
        if found and not again:
            settled = yield from _settle(found[0], ledger, provider)
            if settled is not None:
                return settled
        check_budget(spec_file, provider, estimate, may_spend)
        run = found[0] if found and not again else _plan(spec_file, provider, overrides or {})
        if run not in found:
            ledger.add_run(run)
        files = yield from _upload(run, spec_file, ledger, provider)
        job = _send(run, spec_file, ledger, provider, files, judge)
        yield Note(f"job {job.id} created at {provider.name}")
        return LaunchReport(ledger.run(run.run_id), job, is_new=True)


def _earlier_runs(spec_file: SpecFile, ledger: Ledger, provider: Provider) -> list[Run]:
    data_sha256 = hash_files(spec_file)
    runs = ledger.find_launched(spec_file.sha256, provider.name)
    return [run for run in runs if run.data_sha256 == data_sha256]


def launch_spec(
    spec_path: Path,
    home: Home,
    ledger: Ledger,
    *,
    target: str | None = None,
    overrides: Mapping[str, str] | None = None,
    again: bool = False,
    may_spend: Callable[[CostEstimate], bool] = lambda _: False,
) -> Command[LaunchReport]:
    """Validate a spec, estimate its cost and launch it.

    Raises:
        InvalidInputError: with every error that validation found.
    """
    validation = yield from validate(spec_path, target=target, overrides=overrides or {})
    if validation.exit_code:
        errors = [finding for finding in validation.findings if finding.level == "error"]
        raise InvalidInputError(f"spec '{spec_path}' is not valid", findings=errors)
    spec_file = load_spec(spec_path, target=target, overrides=overrides or {})
    profile = profile_of(spec_file.spec.provider, home)
    estimate = estimate_cost(spec_file.spec, profile, validation.n_examples.get("training", 0))
    with closing(connect(spec_file.spec.provider, home)) as provider:
        return (
            yield from launch(
                spec_file,
                ledger,
                provider,
                estimate=estimate,
                judge=judge_settings(spec_file, home),
                overrides=overrides,
                again=again,
                may_spend=may_spend,
            )
        )


def check_budget(
    spec_file: SpecFile,
    provider: Provider,
    estimate: CostEstimate,
    may_spend: Callable[[CostEstimate], bool],
) -> None:
    """Refuse to spend more than the budget, or anything without consent.

    Raises:
        BudgetError: with what would be spent.
    """
    if not provider.profile.is_billed:
        return
    cap = spec_file.spec.budget.max_usd
    if cap is None and not may_spend(estimate):
        raise BudgetError(
            f"{provider.name} bills training and nobody agreed to spend {estimate.describe()}",
            "give --yes, or set budget.max_usd in the spec",
        )
    # Written so that a NaN refuses: `nan > cap` is False.
    if cap is not None and not (estimate.high_usd is not None and estimate.high_usd <= cap):
        raise BudgetError(
            f"the estimate {estimate.describe()} does not fit budget.max_usd {cap:g}",
            "raise the budget, or lower n_epochs, eval_samples or the rows",
        )


def hash_files(spec_file: SpecFile) -> str:
    """Hash what the job learns from: training and validation rows, in that order."""
    digest = hashlib.sha256()
    for name in ("training_file", "validation_file"):
        path = spec_file.file(name)
        digest.update(hash_file(path).encode() if path else b"-")
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """Return a file's SHA-256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plan(spec_file: SpecFile, provider: Provider, overrides: Mapping[str, str]) -> Run:
    spec, launch_id = spec_file.spec, uuid.uuid4().hex
    grader = repr(spec_file.grader).encode()
    return Run(
        run_id=f"{spec.name}-{launch_id[:6]}",
        name=spec.name,
        spec_path=str(spec_file.path.resolve()),
        spec_sha256=spec_file.sha256,
        data_sha256=hash_files(spec_file),
        grader_sha256=hashlib.sha256(grader).hexdigest(),
        provider=provider.name,
        model=spec.model,
        target=spec_file.target,
        overrides=dict(overrides),
        launch_id=launch_id,
        created_at=int(time.time()),
        rftctl_version=__version__,
        git_commit=_git_commit(spec_file.path.resolve().parent),
    )


def _settle(run: Run, ledger: Ledger, provider: Provider) -> Command[LaunchReport | None]:
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
    adopted = _adopt(run, ledger, provider)
    if adopted is not None:
        return LaunchReport(ledger.run(run.run_id), adopted, is_new=False)
    if time.time() - float(sent["sent_at"]) < SETTLE_S:
        ledger.set_state(run.run_id, "unknown")
        raise OutcomeUnknownError(
            f"run '{run.run_id}' was sent to {provider.name} and no such job shows up (yet)",
            f"wait {SETTLE_S / 60:.0f} minutes and repeat the command; it looks before it sends",
        )
    raise OutcomeUnknownError(
        f"run '{run.run_id}' was sent to {provider.name} and no such job ever showed up",
        "check the provider's own list, then launch with --again",
    )


def _upload(run: Run, spec_file: SpecFile, ledger: Ledger, provider: Provider) -> Command[dict[str, str]]:
    ledger.set_state(run.run_id, "uploading")
    files: dict[str, str] = {}
    for name in ("training_file", "validation_file"):
        path = spec_file.file(name)
        if path is None:
            continue
        sha256 = hash_file(path)
        known = ledger.upload(provider.name, sha256)
        if known and provider.has_file(known):
            files[name] = known
            continue
        yield Progress("upload", len(files), 2, path.name)
        files[name] = provider.upload(path)
        ledger.put_upload(provider.name, sha256, files[name])
    yield Progress("upload", len(files), len(files), plural(len(files), "file"))
    return files


def _send(
    run: Run,
    spec_file: SpecFile,
    ledger: Ledger,
    provider: Provider,
    files: dict[str, str],
    judge: Mapping[str, Any] | None,
) -> Job:
    request = job_request(
        spec_file,
        provider.profile,
        training_file=files["training_file"],
        validation_file=files.get("validation_file"),
        metadata={LAUNCH_KEY: run.launch_id, SPEC_KEY: run.spec_sha256},
        judge=judge,
    )
    ledger.note(run.run_id, "request", {"body": request})
    # The intent is on disk before the act: from here on a crash leaves something to look for.
    ledger.note(run.run_id, "sending", {"sent_at": time.time()})
    ledger.set_state(run.run_id, "sending")
    try:
        job = provider.create_job(request)
    except OutcomeUnknownError:
        ledger.set_state(run.run_id, "unknown")
        try:
            adopted = _adopt(run, ledger, provider)
        except ProviderError:
            # What swallowed the reply often swallows the question after it too.
            adopted = None
        if adopted is None:
            raise
        return adopted
    except ProviderError:
        ledger.set_state(run.run_id, "refused")
        raise
    _record(run, ledger, job)
    return job


def _adopt(run: Run, ledger: Ledger, provider: Provider) -> Job | None:
    jobs = provider.find_jobs({LAUNCH_KEY: run.launch_id})
    if not jobs:
        return None
    _record(run, ledger, jobs[-1])
    return jobs[-1]


def _record(run: Run, ledger: Ledger, job: Job) -> None:
    ledger.note(run.run_id, "job", {"job_id": job.id})
    ledger.set_state(run.run_id, job.status)


def _git_commit(folder: Path) -> str | None:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
