"""Watch a run to its end.

In: a run of the ledger, its provider. Out: `WatchReport`, with a `CurveUpdate` whenever something changed.
Watching is reconciling: every round reads what is new, keeps it in the ledger and judges the rules, so that
any watcher can stop at any moment and another go on. Leaving never touches the job.
"""

from __future__ import annotations

import random
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rftctl.commands.opening import load_run_spec
from rftctl.commands.rules import check_rules
from rftctl.commands.updates import CurveUpdate, Note
from rftctl.cost import actual_cost
from rftctl.curve import RewardCurve
from rftctl.errors import OutcomeUnknownError, ProviderError, RftctlError, TimedOutError, UsageError
from rftctl.providers import connect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rftctl.commands.rules import Alert
    from rftctl.commands.updates import Command
    from rftctl.cost import CostEstimate
    from rftctl.home import Home
    from rftctl.ledger import Ledger, Run
    from rftctl.providers.base import Provider
    from rftctl.spec import RunSpec
    from rftctl.wire import Job, JobEvent

BACKOFF_CAP_S = 60.0
MAX_WRONG_REPLIES = 5
"""Replies in a row that are no API reply before a watch gives up: a wrong base URL, a captive portal."""


@dataclass(frozen=True, slots=True)
class WatchReport:
    """How the watch ended."""

    run: Run
    job: Job
    curve: RewardCurve
    cost: CostEstimate
    alerts: tuple[Alert, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 when the job succeeded, 1 when it failed, was cancelled or rests paused."""
        return 0 if self.job.status == "succeeded" else 1

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.watch/1` document."""
        alerts = [{"rule": a.rule, "message": a.message, "then": a.then} for a in self.alerts]
        return CurveUpdate(self.run, self.job, self.curve, self.cost).to_json() | {"alerts": alerts}


def watch(
    run: Run,
    ledger: Ledger,
    provider: Provider,
    spec: RunSpec | None = None,
    *,
    timeout_s: float | None = None,
) -> Command[WatchReport]:
    """Follow a run until nothing more happens by itself.

    Args:
        spec: brings the watch rules and the budget; None watches without them.
        timeout_s: give up after so many seconds; the job goes on.

    Raises:
        TimedOutError: the time is up.
        UsageError: the run has no job yet.
    """
    if run.job_id is None:
        raise UsageError(f"run '{run.run_id}' has no job yet", f"launch it: rftctl launch {run.spec_path}")
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    fired: dict[str, Alert] = {}
    heard_at, seen = time.monotonic(), (-1, "")
    while True:
        job, events = yield from _read(run, run.job_id, ledger, provider, deadline)
        curve, cost = RewardCurve.from_events(events), actual_cost(provider.profile, events)
        if (len(events), job.status) != seen:
            seen, heard_at = (len(events), job.status), time.monotonic()
            yield CurveUpdate(ledger.run(run.run_id), job, curve, cost, _newest_message(events))
        if job.is_resting:
            # A job that was resumed may have repeated steps under ids already known: read all once more.
            curve = _refresh(run, run.job_id, ledger, provider)
            return WatchReport(ledger.run(run.run_id), job, curve, cost, tuple(fired.values()))
        if spec is not None:
            yield from _apply_rules(
                spec, curve, cost, time.monotonic() - heard_at, fired, run.job_id, provider
            )
        _wait(provider.profile.poll_s, deadline, run)


def watch_run(
    run: Run, home: Home, ledger: Ledger, *, timeout_s: float | None = None
) -> Command[WatchReport]:
    """Connect to the run's provider and watch, with the rules of the spec it was launched from."""
    try:
        spec = load_run_spec(run).spec
    except RftctlError as error:
        # The spec brings only rules and budget; a run can be watched without them, but not silently.
        yield Note(f"watching without rules and budget: {error.message}", "warning")
        spec = None
    with closing(connect(run.provider, home)) as provider:
        return (yield from watch(run, ledger, provider, spec, timeout_s=timeout_s))


def _read(
    run: Run, job_id: str, ledger: Ledger, provider: Provider, deadline: float | None
) -> Command[tuple[Job, list[JobEvent]]]:
    attempt = 0
    while True:
        try:
            # The job first: when it rests, the events read after it are complete.
            job = provider.job(job_id)
            known = {event.id for event in ledger.events(run.run_id)}
            ledger.put_events(run.run_id, provider.events(job_id, known))
            break
        except ProviderError as error:
            if error.status is not None and error.status not in (408, 409, 429) and error.status < 500:
                raise
            attempt += 1
            if error.is_not_the_api and attempt >= MAX_WRONG_REPLIES:
                raise
            yield Note(f"{error.message}; trying again (attempt {attempt})", "warning")
            _wait(min(BACKOFF_CAP_S, 2.0**attempt), deadline, run)
    ledger.set_state(run.run_id, job.status)
    return job, ledger.events(run.run_id)


def _newest_message(events: Sequence[JobEvent]) -> str:
    return next((event.message for event in reversed(events) if event.type != "metrics"), "")


def _refresh(run: Run, job_id: str, ledger: Ledger, provider: Provider) -> RewardCurve:
    ledger.put_events(run.run_id, provider.events(job_id))
    return RewardCurve.from_events(ledger.events(run.run_id))


def _apply_rules(
    spec: RunSpec,
    curve: RewardCurve,
    cost: CostEstimate,
    idle_s: float,
    fired: dict[str, Alert],
    job_id: str,
    provider: Provider,
) -> Command[None]:
    for alert in check_rules(spec, curve, cost, idle_s):
        if alert.rule in fired:
            continue
        yield Note(f"{alert.rule}: {alert.message}", "warning")
        try:
            if alert.then == "pause":
                provider.pause(job_id)
            elif alert.then == "cancel":
                provider.cancel(job_id)
        except (ProviderError, OutcomeUnknownError) as error:
            # A guard that failed to act must act again, so the rule has not fired yet.
            yield Note(f"could not {alert.then} the job, trying again: {error.message}", "warning")
        else:
            fired[alert.rule] = alert


def _wait(seconds: float, deadline: float | None, run: Run) -> None:
    wait = seconds * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, so that watchers do not march in step
    if deadline is not None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimedOutError(
                f"run '{run.run_id}' is still going", f"rftctl watch {run.run_id} picks it up again"
            )
        wait = min(wait, left)
    time.sleep(wait)
