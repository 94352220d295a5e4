"""Watching: reconcile until the job rests, whatever the network does, and act on rules once."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from rftctl.commands import watch as watching
from rftctl.commands.launch import launch_spec
from rftctl.commands.updates import CurveUpdate, Note, finish
from rftctl.commands.watch import watch, watch_run
from rftctl.errors import ProviderError, TimedOutError, UsageError
from rftctl.providers import connect
from tests.commands.conftest import LAB_SPEC
from tests.conftest import write_tiny_spec
from tests.providers.scripted_server import answer, drop_before

if TYPE_CHECKING:
    from pathlib import Path

    from rftctl.commands.watch import WatchReport
    from rftctl.home import Home
    from rftctl.ledger import Ledger, Run
    from tests.providers.scripted_server import ScriptedServer

DROPPED = [drop_before] * 3
"""One read fails for good: the SDK tries it three times."""


def metrics(step: int, event_id: str = "", at: int = 0, **data: Any) -> dict[str, Any]:
    body = {"step": step, "total_steps": 4, "train_mean_reward": step / 10, **data}
    name = event_id or f"e{step}"
    return {"id": name, "created_at": at or step, "type": "metrics", "message": f"step {step}", "data": body}


@pytest.fixture
def run(lab: Home, lab_spec: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give the test a launched run whose failed reads are repeated at once."""
    monkeypatch.setattr(watching, "BACKOFF_CAP_S", 0.05)
    return finish(launch_spec(lab_spec, lab, ledger)).run


def updates_of(run: Run, lab: Home, ledger: Ledger, **options: Any) -> tuple[list[object], WatchReport]:
    """Watch to the end and return everything that was said on the way."""
    command, said = watch_run(run, lab, ledger, **options), []
    while True:
        try:
            said.append(next(command))
        except StopIteration as end:
            return said, end.value


@pytest.mark.parametrize(
    ("status", "code"), [("succeeded", 0), ("failed", 1), ("cancelled", 1), ("paused", 1)]
)
def test_a_watch_ends_when_the_job_rests(
    status: str, code: int, run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    server.jobs[0]["status"] = status
    report = finish(watch_run(run, lab, ledger))
    assert (report.exit_code, report.job.status, ledger.run(run.run_id).state) == (code, status, status)


def test_a_status_nobody_knows_is_watched_further(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    server.jobs[0]["status"] = "contemplating"
    with pytest.raises(TimedOutError, match="still going") as caught:
        finish(watch_run(run, lab, ledger, timeout_s=0.3))
    assert f"rftctl watch {run.run_id}" in caught.value.hint


def test_every_change_is_told_once_and_the_curve_has_no_gap(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    command = watch_run(run, lab, ledger)
    told: list[list[int]] = []
    for step in range(1, 5):
        server.events.insert(0, metrics(step))
        update = next(u for u in command if isinstance(u, CurveUpdate))
        told.append([point.step for point in update.curve.points])
    server.jobs[0]["status"] = "succeeded"
    report = finish(command)
    assert told == [[1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]
    assert report.curve.missing_steps() == ()


def test_lost_connections_and_server_errors_are_ridden_out(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    server.events = [metrics(2), metrics(1)]
    server.jobs[0]["status"] = "succeeded"
    server.fail("GET", "ftjob-1", *DROPPED)
    server.fail("GET", "/events", *[answer("{}", 503, **{"Retry-After": "0"})] * 3)
    said, report = updates_of(run, lab, ledger)
    notes = [u.message for u in said if isinstance(u, Note) and u.level == "warning"]
    assert len(notes) == 2
    assert "attempt 1" in notes[0]
    assert [p.step for p in report.curve.points] == [1, 2]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_ends_the_watch(
    status: int, run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    server.fail("GET", "ftjob-1", answer({"error": {"message": "no"}}, status))
    with pytest.raises(ProviderError, match="no"):
        finish(watch_run(run, lab, ledger))


def test_the_deadline_holds_while_the_provider_is_away(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    server.fail("GET", "ftjob-1", *DROPPED * 20)
    with pytest.raises(TimedOutError):
        finish(watch_run(run, lab, ledger, timeout_s=0.5))


def test_a_second_watcher_has_the_whole_curve(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    server.events = [metrics(2), metrics(1)]
    with pytest.raises(TimedOutError):
        finish(watch_run(run, lab, ledger, timeout_s=0.2))
    server.events = [metrics(4), metrics(3), *server.events]
    server.jobs[0]["status"] = "succeeded"
    assert [p.step for p in finish(watch_run(run, lab, ledger)).curve.points] == [1, 2, 3, 4]


def test_steps_repeated_after_a_resume_replace_those_that_were_lost(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    server.events = [metrics(2, at=2), metrics(1, at=1)]
    with pytest.raises(TimedOutError):
        finish(watch_run(run, lab, ledger, timeout_s=0.2))
    again = metrics(2, "e2-again", at=9, train_mean_reward=0.9)
    server.events = [again, *server.events]
    server.jobs[0]["status"] = "succeeded"
    rewards = [p.reward_mean for p in finish(watch_run(run, lab, ledger)).curve.points]
    assert rewards == [0.1, 0.9]


def test_a_failure_is_reported_in_the_providers_words(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    server.jobs[0] |= {"status": "failed", "error": {"code": "grader_broke", "message": "too many errors"}}
    document = finish(watch_run(run, lab, ledger)).to_json()
    assert document["error"] == {"code": "grader_broke", "message": "too many errors"}
    assert document["status"] == "failed"


def test_a_run_without_a_job_cannot_be_watched(
    lab: Home, lab_spec: Path, ledger: Ledger, server: ScriptedServer
) -> None:
    server.fail("POST", "/fine_tuning/jobs", answer({"error": {"message": "no"}}, 400))
    with pytest.raises(ProviderError):
        finish(launch_spec(lab_spec, lab, ledger))
    with pytest.raises(UsageError, match="has no job yet") as caught:
        finish(watch_run(ledger.run(None), lab, ledger))
    assert "rftctl launch" in caught.value.hint


@pytest.mark.parametrize(
    ("then", "verb", "status"), [("cancel", "/cancel", "cancelled"), ("pause", "/pause", "paused")]
)
def test_a_rule_acts_once_and_is_reported(
    then: str, verb: str, status: str, lab: Home, ledger: Ledger, server: ScriptedServer, tmp_path: Path
) -> None:
    rule = f"{{when: truncation, patience: 2, then: {then}}}"
    text = LAB_SPEC + f"budget: {{max_usd: 10}}\nwatch: {{rules: [{rule}]}}\n"
    run = finish(launch_spec(write_tiny_spec(tmp_path / "ruled", text), lab, ledger)).run
    server.events = [metrics(n, rftctl={"truncated_share": 1.0}) for n in (2, 1)]
    report = finish(watch_run(run, lab, ledger))
    assert server.count("POST", verb) == 1
    assert (report.job.status, [(a.rule, a.then) for a in report.alerts]) == (status, [("truncation", then)])
    assert report.to_json()["alerts"][0]["rule"] == "truncation"


def test_a_spent_budget_pauses_the_job(run: Run, lab: Home, ledger: Ledger, server: ScriptedServer) -> None:
    server.events = [metrics(1, timing={"step": {"full_iteration": 901.0}})]
    report = finish(watch_run(run, lab, ledger))
    assert (report.job.status, [a.rule for a in report.alerts]) == ("paused", ["budget"])
    assert report.cost.high_usd == pytest.approx(901 / 36)


def test_an_action_that_fails_does_not_end_the_watch(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    server.events = [metrics(1, timing={"step": {"full_iteration": 901.0}})]
    server.fail("POST", "/pause", answer({"error": {"message": "later"}}, 503), drop_before)
    report = finish(watch_run(run, lab, ledger, timeout_s=20))
    assert report.job.status == "paused"
    assert server.count("POST", "/pause") == 3


def test_a_spec_that_changed_since_is_watched_without_its_rules_and_not_silently(
    run: Run, lab: Home, lab_spec: Path, ledger: Ledger, server: ScriptedServer
) -> None:
    lab_spec.write_text(lab_spec.read_text().replace("seed: 1", "seed: 2"))
    server.jobs[0]["status"] = "succeeded"
    said, report = updates_of(run, lab, ledger)
    assert isinstance(said[0], Note)
    assert "without rules and budget" in said[0].message
    assert report.exit_code == 0


def test_leaving_a_watch_touches_nothing(run: Run, lab: Home, ledger: Ledger, server: ScriptedServer) -> None:
    with closing(connect("lab", lab)) as provider:
        command = watch(run, ledger, provider)
        next(command)
        command.close()
    assert server.jobs[0]["status"] == "queued"
    assert not [r for r in server.requests if r.method == "POST" and "ftjob" in r.path]


def test_a_server_that_is_not_the_api_is_given_up(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    server.fail("GET", "ftjob-1", *[answer("<html>sign in</html>")] * 100)
    with pytest.raises(ProviderError, match="not") as caught:
        finish(watch_run(run, lab, ledger))
    assert "base URL" in caught.value.hint
    assert server.count("GET", "ftjob-1") < 20
