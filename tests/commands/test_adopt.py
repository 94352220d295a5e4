"""Adopting: a job that was started elsewhere is a run here, with everything that can be known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rftctl.commands.adopt import adopt_job
from rftctl.commands.control import control_run
from rftctl.commands.evaluate import evaluate_ledger_run
from rftctl.commands.launch import launch_spec
from rftctl.commands.updates import Note, finish
from rftctl.commands.watch import watch_run
from rftctl.errors import InvalidInputError, OutcomeUnknownError, ProviderError, UsageError
from tests.conftest import read_json, run_rftctl
from tests.providers.scripted_server import drop_before

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rftctl.commands.adopt import AdoptReport
    from rftctl.home import Home
    from rftctl.ledger import Ledger
    from tests.providers.scripted_server import ScriptedServer

METRICS = {"step": 1, "total_steps": 2, "train_mean_reward": 0.5}
EVENT = {"id": "e1", "created_at": 5, "type": "metrics", "level": "info", "message": "", "data": METRICS}
FOREIGN = {"model": "lab-model", "training_file": "file-x", "metadata": {"team": "other"}}


@pytest.fixture
def adopt(lab: Home, ledger: Ledger) -> Callable[..., AdoptReport]:
    """Give the test an adoption of a job."""
    return lambda job_id, **options: finish(adopt_job(job_id, lab, ledger, **{"provider": "lab", **options}))


def test_a_strangers_job_becomes_a_run_with_state_events_and_curve(
    adopt: Callable[..., AdoptReport], server: ScriptedServer, ledger: Ledger
) -> None:
    server._create(FOREIGN)
    server.jobs[0] |= {"status": "running", "user_provided_suffix": "sorting"}
    server.events = [EVENT]
    report = adopt("ftjob-1")
    run = ledger.run(None)
    assert (run.state, run.job_id, run.provider) == ("running", "ftjob-1", "lab")
    assert run.run_id.startswith("sorting-")
    assert [point.reward_mean for point in report.curve.points] == [0.5]
    assert (report.is_new, [event.id for event in ledger.events(run.run_id)]) == (True, ["e1"])


def test_an_adopted_job_is_watched_paused_and_cancelled_like_any_other(
    adopt: Callable[..., AdoptReport], lab: Home, server: ScriptedServer, ledger: Ledger
) -> None:
    server._create(FOREIGN)
    run = adopt("ftjob-1").run
    assert finish(control_run("pause", run, lab, ledger)).job.status == "paused"
    updates = list(watch_run(run, lab, ledger))
    assert any(isinstance(u, Note) and "without rules and budget" in u.message for u in updates)
    assert finish(control_run("cancel", run, lab, ledger)).job.status == "cancelled"
    assert ledger.run(run.run_id).state == "cancelled"


def test_what_needs_the_spec_of_an_adopted_job_says_how_to_bring_it(
    adopt: Callable[..., AdoptReport], lab: Home, server: ScriptedServer, ledger: Ledger
) -> None:
    server._create(FOREIGN)
    run = adopt("ftjob-1").run
    with pytest.raises(InvalidInputError, match="adopted without its spec") as caught:
        finish(evaluate_ledger_run(run, lab, ledger))
    assert "--spec SPEC" in caught.value.hint


def test_a_spec_brings_its_rules_and_grader_and_a_difference_is_said(
    adopt: Callable[..., AdoptReport], lab: Home, lab_spec: Path, server: ScriptedServer, ledger: Ledger
) -> None:
    grader = {"type": "string_check", "name": "g", "input": "a", "reference": "b", "operation": "eq"}
    server._create(FOREIGN)
    server.jobs[0]["method"] = {"type": "reinforcement", "reinforcement": {"grader": grader}}
    said = list(adopt_job("ftjob-1", lab, ledger, provider="lab", spec_path=lab_spec))
    assert any(isinstance(u, Note) and "grader is not the spec's" in u.message for u in said)
    assert ledger.run(None).spec_path == str(lab_spec.resolve())


def test_adopting_twice_is_one_run(
    adopt: Callable[..., AdoptReport], server: ScriptedServer, ledger: Ledger
) -> None:
    server._create(FOREIGN)
    assert [adopt("ftjob-1").is_new for _ in range(2)] == [True, False]
    assert len(ledger.runs()) == 1


def test_a_job_that_rftctl_launched_keeps_its_run_id_and_hashes(
    adopt: Callable[..., AdoptReport], server: ScriptedServer
) -> None:
    metadata = {
        "rftctl_run": "digits-abc123", "rftctl_launch": "l1", "rftctl_spec": "5" * 64,
        "rftctl_data": "d" * 64,
    }  # fmt: skip
    server._create({**FOREIGN, "metadata": metadata})
    run = adopt("ftjob-1").run
    assert (run.run_id, run.launch_id) == ("digits-abc123", "l1")
    assert (run.spec_sha256, run.data_sha256) == ("5" * 64, "d" * 64)


@pytest.mark.parametrize("told", ["../../etc", "-rf", "x" * 500, "a b", 5, "\x1b[2J"])
def test_a_run_id_from_a_job_is_taken_only_if_it_is_one(
    told: Any, adopt: Callable[..., AdoptReport], server: ScriptedServer
) -> None:
    server._create({**FOREIGN, "metadata": {"rftctl_run": told, "rftctl_spec": "zz", "rftctl_launch": "l"}})
    run = adopt("ftjob-1").run
    assert (run.run_id.partition("-")[0], run.spec_sha256) == ("adopted", "")


def test_a_run_of_unknown_outcome_gets_its_job_by_hand(
    adopt: Callable[..., AdoptReport], lab: Home, lab_spec: Path, server: ScriptedServer, ledger: Ledger
) -> None:
    server.fail("POST", "/fine_tuning/jobs", drop_before)
    with pytest.raises(OutcomeUnknownError):
        finish(launch_spec(lab_spec, lab, ledger))
    waiting = ledger.run(None)
    server._create(FOREIGN)
    assert adopt("ftjob-1", run_id=waiting.run_id).run.run_id == waiting.run_id
    report = finish(launch_spec(lab_spec, lab, ledger))
    assert (report.job.id, report.is_new, len(server.jobs)) == ("ftjob-1", False, 1)
    server._create(FOREIGN)
    with pytest.raises(UsageError, match="has job ftjob-1"):
        adopt("ftjob-2", run_id=waiting.run_id)


def test_a_second_job_of_one_launch_is_a_run_of_its_own(
    adopt: Callable[..., AdoptReport], lab: Home, lab_spec: Path, server: ScriptedServer, ledger: Ledger
) -> None:
    first = finish(launch_spec(lab_spec, lab, ledger)).run
    server._create({**FOREIGN, "metadata": dict(server.jobs[0]["metadata"])})
    second = adopt("ftjob-2").run
    assert (second.job_id, second.run_id != first.run_id) == ("ftjob-2", True)
    assert finish(control_run("cancel", second, lab, ledger)).job.id == "ftjob-2"
    assert server.jobs[0]["status"] == "queued"


def test_a_job_that_is_not_there_makes_no_run(adopt: Callable[..., AdoptReport], ledger: Ledger) -> None:
    with pytest.raises(ProviderError):
        adopt("ftjob-404")
    with pytest.raises(UsageError, match="nobody says where"):
        adopt("ftjob-1", provider=None)
    assert ledger.runs() == []


def test_the_command_adopts(lab: Home, server: ScriptedServer) -> None:
    server._create(FOREIGN)
    done = run_rftctl("runs", "adopt", "ftjob-1", "--provider", "lab", "--json", home=lab.path)
    assert read_json(done)["schema"] == "rftctl.adopt/1"
    again = run_rftctl("runs", "adopt", "ftjob-1", home=lab.path)
    assert "job ftjob-1 is run adopted-" in again.stdout
