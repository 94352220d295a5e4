"""Pausing, resuming and cancelling: what the provider can do, and what the bill makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rftctl.commands.control import control_run, meanings
from rftctl.commands.launch import launch_spec
from rftctl.commands.updates import Note, finish
from rftctl.errors import NotOfferedError, OutcomeUnknownError, ProviderError, UsageError
from rftctl.profiles import load_profile
from tests.providers.scripted_server import answer, drop_after, drop_before

if TYPE_CHECKING:
    from pathlib import Path

    from rftctl.home import Home
    from rftctl.ledger import Ledger, Run
    from tests.providers.scripted_server import ScriptedServer


@pytest.fixture
def run(lab: Home, lab_spec: Path, ledger: Ledger) -> Run:
    """Give the test a launched run."""
    return finish(launch_spec(lab_spec, lab, ledger)).run


@pytest.mark.parametrize(
    ("action", "status"), [("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled")]
)
def test_an_action_reaches_the_job_and_is_remembered(
    action: Any, status: str, run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    report = finish(control_run(action, run, lab, ledger))
    assert (server.jobs[0]["status"], report.job.status, ledger.run(run.run_id).state) == (status,) * 3
    assert report.to_json()["schema"] == "rftctl.control/1"
    noted = ledger.newest(run.run_id, "control")
    assert noted is not None
    assert (noted["action"], noted["status"]) == (action, status)


def test_what_it_means_for_the_bill_is_said_before_it_is_done(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    said = next(control_run("cancel", run, lab, ledger))
    assert isinstance(said, Note)
    assert "is billed" in said.message
    assert server.jobs[0]["status"] == "queued"


@pytest.mark.parametrize("action", ["pause", "resume"])
def test_a_provider_that_cannot_pause_is_not_asked(
    action: Any, run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    (lab.path / "profiles.yaml").write_text("openai: {can_pause: false}\n")
    with pytest.raises(NotOfferedError, match=f"cannot {action}") as caught:
        finish(control_run(action, run, lab, ledger))
    assert "cancel it" in caught.value.hint
    assert server.count("POST", f"/{action}") == 0


def test_a_refusal_is_told_in_the_providers_words(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    server.fail("POST", "/pause", answer({"error": {"message": "job already completed"}}, 400))
    with pytest.raises(ProviderError, match="job already completed"):
        finish(control_run("pause", run, lab, ledger))
    assert ledger.run(run.run_id).state == "queued"


@pytest.mark.parametrize(
    ("action", "status"), [("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled")]
)
def test_an_answer_that_was_lost_is_looked_up_at_the_job(
    action: Any, status: str, run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    server.fail("POST", f"/{action}", drop_after)
    assert finish(control_run(action, run, lab, ledger)).job.status == status
    assert server.count("POST", f"/{action}") == 1
    assert ledger.run(run.run_id).state == status


def test_a_lost_answer_that_the_job_does_not_show_is_an_unknown_outcome(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    server.fail("POST", "/cancel", drop_before)
    with pytest.raises(OutcomeUnknownError, match="does not show the cancel"):
        finish(control_run("cancel", run, lab, ledger))
    assert (server.count("POST", "/cancel"), ledger.run(run.run_id).state) == (1, "queued")


@pytest.mark.parametrize(
    ("action", "billed", "free"),
    [
        ("pause", "paused time is not", "keeps its state"),
        ("resume", "billing goes on", "last checkpoint"),
        ("cancel", "is billed", "checkpoints stay"),
    ],
)
def test_each_action_says_what_it_means_where_it_is_billed_and_where_it_is_not(
    action: Any, billed: str, free: str
) -> None:
    assert billed in " ".join(meanings(action, load_profile("openai")))
    assert free in " ".join(meanings(action, load_profile("local")))


def test_a_resumed_job_has_no_automatic_pause_any_more_and_that_is_said() -> None:
    assert "$5,000" in " ".join(meanings("resume", load_profile("azure")))
    assert "$5,000" not in " ".join(meanings("resume", load_profile("openai")))


def test_a_run_without_a_job_has_nothing_to_control(
    lab: Home, lab_spec: Path, ledger: Ledger, server: ScriptedServer
) -> None:
    server.fail("POST", "/fine_tuning/jobs", answer({"error": {"message": "no"}}, 400))
    with pytest.raises(ProviderError):
        finish(launch_spec(lab_spec, lab, ledger))
    with pytest.raises(UsageError, match="has no job to cancel"):
        finish(control_run("cancel", ledger.run(None), lab, ledger))
