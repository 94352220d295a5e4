"""Take over a job that this machine's ledger does not know.

In: a job at a provider. Out: a run in the ledger with the job's state, events and curve; `AdoptReport`.
A job that rftctl launched carries its launch and run id and the hashes of its spec and data in its metadata,
so that it is the same run on every machine. Any other job becomes a run without a spec.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rftctl import __version__
from rftctl.commands.updates import Note
from rftctl.cost import actual_cost
from rftctl.curve import RewardCurve
from rftctl.errors import UsageError
from rftctl.graders import wire_config
from rftctl.ledger import Run
from rftctl.providers import connect
from rftctl.providers.request import DATA_KEY, LAUNCH_KEY, RUN_KEY, SPEC_KEY
from rftctl.spec import load_spec
from rftctl.text import one_line
from rftctl.wire import mapping

if TYPE_CHECKING:
    from pathlib import Path

    from rftctl.commands.updates import Command
    from rftctl.cost import CostEstimate
    from rftctl.home import Home
    from rftctl.ledger import Ledger
    from rftctl.providers.base import Provider
    from rftctl.spec import SpecFile
    from rftctl.wire import Job

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class AdoptReport:
    """The run that stands for the job now."""

    run: Run
    job: Job
    curve: RewardCurve
    cost: CostEstimate
    is_new: bool

    exit_code = 0

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.adopt/1` document."""
        return {
            "schema": "rftctl.adopt/1",
            "run_id": self.run.run_id,
            "job_id": self.job.id,
            "provider": self.run.provider,
            "status": self.job.status,
            "is_new": self.is_new,
            "spec_path": self.run.spec_path or None,
            "curve": self.curve.to_json(),
            "cost": self.cost.to_json(),
        }


def adopt_job(
    job_id: str,
    home: Home,
    ledger: Ledger,
    *,
    provider: str | None = None,
    spec_path: Path | None = None,
    target: str | None = None,
    run_id: str | None = None,
) -> Command[AdoptReport]:
    """Take over a job by its id.

    Args:
        provider: where it runs; needed unless a run of the ledger has this job, or `run_id` says it.
        spec_path: the spec it was made from, so that `evaluate` and the watch rules work.
        run_id: a run whose launch has an unknown outcome, and whose job this is.

    Raises:
        UsageError: no provider is named, or the run has another job.
        ProviderError: there is no such job.
    """
    waiting = ledger.run(run_id) if run_id else None
    name = _provider_name(job_id, ledger, provider, waiting)
    spec_file = load_spec(spec_path, target=target) if spec_path else None
    with closing(connect(name, home)) as connected:
        job = connected.job(job_id)
        run, is_new = enter_job(job, ledger, name, spec_file=spec_file, waiting=waiting)
        if spec_file is not None:
            yield from _compare(spec_file, job)
        ledger.put_events(run.run_id, connected.events(job.id))
    if is_new and not run.spec_path:
        yield Note("its spec is not known here; `--spec SPEC` brings its watch rules and its evaluation")
    events = ledger.events(run.run_id)
    curve, cost = RewardCurve.from_events(events), actual_cost(connected.profile, events)
    return AdoptReport(ledger.run(run.run_id), job, curve, cost, is_new)


def enter_job(
    job: Job,
    ledger: Ledger,
    provider: str,
    *,
    spec_file: SpecFile | None = None,
    waiting: Run | None = None,
    overrides: dict[str, str] | None = None,
) -> tuple[Run, bool]:
    """Make sure that the ledger has a run for a job; returns it, and whether it is new.

    Args:
        waiting: the run whose job this is, by its user's word.

    Raises:
        UsageError: that run has another job, or the job's run another spec.
    """
    known = _known_run(job, ledger, provider, waiting)
    if known is not None and known.job_id not in (None, job.id):
        raise UsageError(f"run '{known.run_id}' has job {known.job_id}", "adopt this job without --run")
    if known is not None and spec_file is not None and known.spec_sha256 != spec_file.sha256:
        raise UsageError(
            f"run '{known.run_id}' has this job already, and another spec or none",
            f"rftctl runs purge {known.run_id} forgets it here; then adopt the job again",
        )
    run = known or _new_run(job, ledger, provider, spec_file, overrides or {})
    if known is None:
        ledger.add_run(run)
        ledger.note(run.run_id, "adopted", {"job_id": job.id})
    record_job(run, ledger, job)
    return ledger.run(run.run_id), known is None


def record_job(run: Run, ledger: Ledger, job: Job) -> None:
    """Write down which job a run has, and how the job stands."""
    if (ledger.newest(run.run_id, "job") or {}).get("job_id") != job.id:
        ledger.note(run.run_id, "job", {"job_id": job.id})
    ledger.set_state(run.run_id, job.status)


def find_job(provider: Provider, spec_sha256: str, data_sha256: str) -> Job | None:
    """Look for a job of exactly this spec and these rows, made from any machine; the newest of several.

    A failed or cancelled job counts: it was this launch, it cost money, and whoever wants another says so.

    Raises:
        ProviderError: the list could not be read to its end, so absence is not proven.
    """
    jobs = provider.find_jobs({SPEC_KEY: spec_sha256, DATA_KEY: data_sha256})
    return max(jobs, key=lambda job: job.created_at, default=None)


def _provider_name(job_id: str, ledger: Ledger, provider: str | None, waiting: Run | None) -> str:
    known = next((run for run in ledger.runs() if run.job_id == job_id), waiting)
    name = provider or (known.provider if known else None)
    if name is None:
        raise UsageError(
            f"nobody says where job '{one_line(job_id)}' runs", "name it: --provider openai, azure, ..."
        )
    return name


def _known_run(job: Job, ledger: Ledger, provider: str, waiting: Run | None) -> Run | None:
    if waiting is not None:
        return waiting
    launch_id = job.metadata.get(LAUNCH_KEY)
    runs = [run for run in ledger.runs() if run.provider == provider]
    same_job = [run for run in runs if run.job_id == job.id]
    # A second job of the same launch is a run of its own, so that it can be watched and cancelled.
    same_launch = [run for run in runs if run.launch_id == launch_id and run.job_id is None]
    return next(iter([*same_job, *same_launch]), None)


def _new_run(
    job: Job, ledger: Ledger, provider: str, spec_file: SpecFile | None, overrides: dict[str, str]
) -> Run:
    method = mapping(mapping(job.raw.get("method")).get("reinforcement"))
    grader = json.dumps(method.get("grader"), sort_keys=True, separators=(",", ":"))
    run_id = _run_id(job, ledger)
    told = _text(job.metadata.get(LAUNCH_KEY))
    is_free = told and all(known.launch_id != told for known in ledger.runs())
    return Run(
        run_id=run_id,
        name=spec_file.spec.name if spec_file else run_id,
        spec_path=str(spec_file.path.resolve()) if spec_file else "",
        spec_sha256=spec_file.sha256 if spec_file else _hash(job.metadata.get(SPEC_KEY)),
        data_sha256=_hash(job.metadata.get(DATA_KEY)),
        grader_sha256=hashlib.sha256(grader.encode()).hexdigest(),
        provider=provider,
        model=job.model,
        target=spec_file.target if spec_file else None,
        overrides=overrides,
        launch_id=told if is_free else f"{provider}:{job.id}",
        created_at=job.created_at or int(time.time()),
        rftctl_version=__version__,
        git_commit=None,
    )


def _run_id(job: Job, ledger: Ledger) -> str:
    taken = {run.run_id for run in ledger.runs()}
    told, suffix = job.metadata.get(RUN_KEY), job.raw.get("user_provided_suffix")
    if isinstance(told, str) and _RUN_ID.fullmatch(told) and told not in taken:
        return told
    tail = re.sub(r"[^A-Za-z0-9]", "", job.id)[-6:] or "job"
    stem = suffix if isinstance(suffix, str) and _RUN_ID.fullmatch(suffix) else "adopted"
    wanted = f"{stem}-{tail}"
    return wanted if wanted not in taken else f"{wanted}-{len(taken)}"


def _text(value: object) -> str:
    return value if isinstance(value, str) and 0 < len(value) <= 512 else ""


def _hash(value: object) -> str:
    return value if isinstance(value, str) and _SHA256.fullmatch(value) else ""


def _compare(spec_file: SpecFile, job: Job) -> Command[None]:
    """Say where the spec that the user names and the job disagree."""
    method = mapping(mapping(job.raw.get("method")).get("reinforcement"))
    sha256 = job.metadata.get(SPEC_KEY)
    if sha256 and sha256 != spec_file.sha256:
        yield Note("the job was launched from another state of this spec", "warning")
    if method.get("grader") not in (None, wire_config(spec_file.grader)):
        yield Note("the job's grader is not the spec's: its rewards are not comparable", "warning")
