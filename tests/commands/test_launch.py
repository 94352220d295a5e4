"""Launching: one spec and its data are one job, whatever the network or the machine does meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from rftctl.commands import launch as launching
from rftctl.commands.launch import launch_spec
from rftctl.commands.updates import finish
from rftctl.errors import BudgetError, InvalidInputError, OutcomeUnknownError, ProviderError
from tests.conftest import run_rftctl, write_rows
from tests.providers.scripted_server import act_then_answer, answer, drop_after, drop_before, stall

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rftctl.commands.launch import LaunchReport
    from rftctl.cost import CostEstimate
    from rftctl.home import Home
    from rftctl.ledger import Ledger
    from tests.providers.scripted_server import ScriptedServer

JOBS = "/fine_tuning/jobs"


@pytest.fixture
def launch(lab: Home, lab_spec: Path, ledger: Ledger) -> Callable[..., LaunchReport]:
    """Give the test a launch of the spec, as the command does it."""

    def call(**options: Any) -> LaunchReport:
        return finish(launch_spec(lab_spec, lab, ledger, **options))

    return call


def test_a_launch_uploads_creates_and_remembers(
    launch: Callable[..., LaunchReport], server: ScriptedServer, ledger: Ledger
) -> None:
    report = launch()
    assert (report.is_new, report.exit_code, report.job.id) == (True, 0, "ftjob-1")
    assert server.files == ["file-1", "file-2"]
    run = ledger.run(None)
    assert (run.state, run.job_id, run.provider) == ("queued", "ftjob-1", "lab")
    kinds = [entry["kind"] for entry in ledger.entries(run.run_id)]
    assert kinds.index("request") < kinds.index("sending") < kinds.index("job")


def test_the_request_names_the_files_the_grader_and_the_launch(
    launch: Callable[..., LaunchReport], server: ScriptedServer, ledger: Ledger
) -> None:
    launch()
    body = json.loads(next(r.body for r in server.requests if r.path.endswith(JOBS)))
    run = ledger.run(None)
    assert (body["training_file"], body["validation_file"], body["seed"]) == ("file-1", "file-2", 1)
    assert body["method"]["reinforcement"]["grader"]["name"] == "near"
    assert body["metadata"] == {"rftctl_launch": run.launch_id, "rftctl_spec": run.spec_sha256}
    assert "rftctl" not in body


def test_the_same_spec_launched_twice_is_one_run_and_no_failure(
    launch: Callable[..., LaunchReport], server: ScriptedServer, ledger: Ledger
) -> None:
    first, second = launch(), launch()
    assert (second.run.run_id, second.is_new, second.exit_code) == (first.run.run_id, False, 0)
    assert server.count("POST", JOBS) == 1
    assert len(ledger.runs()) == 1


def test_again_makes_a_new_run_from_the_files_already_there(
    launch: Callable[..., LaunchReport], server: ScriptedServer, ledger: Ledger
) -> None:
    first, second = launch(), launch(again=True)
    assert second.run.run_id != first.run.run_id
    assert (server.count("POST", JOBS), server.count("POST", "/files")) == (2, 2)
    assert ledger.run(None).job_id == "ftjob-2"


def test_changed_rows_make_a_new_run(
    launch: Callable[..., LaunchReport], lab_spec: Path, server: ScriptedServer
) -> None:
    first = launch()
    write_rows(lab_spec.parent / "train.jsonl", 0, 17)
    assert launch().run.run_id != first.run.run_id
    assert (server.count("POST", JOBS), server.count("POST", "/files")) == (2, 3)


def test_a_changed_setting_makes_a_new_run(
    launch: Callable[..., LaunchReport], server: ScriptedServer
) -> None:
    first = launch()
    second = launch(overrides={"seed": "2"})
    assert second.run.run_id != first.run.run_id
    assert second.run.overrides == {"seed": "2"}
    assert server.count("POST", JOBS) == 2


def test_a_file_that_the_provider_lost_is_sent_again(
    launch: Callable[..., LaunchReport], server: ScriptedServer
) -> None:
    launch()
    server.files.remove("file-1")
    launch(again=True)
    assert server.count("POST", "/files") == 3


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_run_that_ended_badly_is_found_again_and_says_so(
    status: str, launch: Callable[..., LaunchReport], server: ScriptedServer
) -> None:
    launch()
    server.jobs[0]["status"] = status
    report = launch()
    assert (report.is_new, report.exit_code) == (False, 1)


def test_a_refused_create_leaves_a_run_that_can_be_launched_again(
    launch: Callable[..., LaunchReport], server: ScriptedServer, ledger: Ledger
) -> None:
    server.fail("POST", JOBS, answer({"error": {"message": "no quota"}}, 400))
    with pytest.raises(ProviderError, match="no quota"):
        launch()
    refused = ledger.run(None)
    assert (refused.state, refused.job_id) == ("refused", None)
    report = launch()
    assert (report.run.run_id, report.is_new) == (refused.run_id, True)
    assert len(server.jobs) == 1


def test_a_refused_upload_leaves_a_run_that_can_be_launched_again(
    launch: Callable[..., LaunchReport], server: ScriptedServer, ledger: Ledger
) -> None:
    server.fail("POST", "/files", answer({"error": {"message": "too big"}}, 413))
    with pytest.raises(ProviderError, match="too big"):
        launch()
    assert launch().job.id == "ftjob-1"
    assert len(ledger.runs()) == 1


@pytest.mark.parametrize("fault", [drop_after, act_then_answer(500), act_then_answer(504)])
def test_a_job_whose_reply_was_lost_is_adopted_at_once(
    fault: Any, launch: Callable[..., LaunchReport], server: ScriptedServer, ledger: Ledger
) -> None:
    server.fail("POST", JOBS, fault)
    assert launch().job.id == "ftjob-1"
    assert server.count("POST", JOBS) == 1
    assert ledger.run(None).job_id == "ftjob-1"


def test_a_job_that_shows_up_later_is_adopted_by_its_launch_id(
    launch: Callable[..., LaunchReport], server: ScriptedServer, ledger: Ledger
) -> None:
    server.fail("POST", JOBS, drop_after)
    server.hides_jobs = True
    with pytest.raises(OutcomeUnknownError):
        launch()
    assert ledger.run(None).state == "unknown"
    server.hides_jobs = False
    report = launch()
    assert (report.job.id, report.is_new) == ("ftjob-1", False)
    assert server.count("POST", JOBS) == 1


def test_a_strangers_job_is_not_adopted(launch: Callable[..., LaunchReport], server: ScriptedServer) -> None:
    server.ignores_metadata = True
    server._create({"metadata": {"rftctl_launch": "somebody-elses"}})
    server.fail("POST", JOBS, drop_before)
    with pytest.raises(OutcomeUnknownError):
        launch()


def test_an_unknown_outcome_is_not_sent_again_within_the_settle_window(
    launch: Callable[..., LaunchReport], server: ScriptedServer
) -> None:
    server.fail("POST", JOBS, drop_before)
    for _ in range(3):
        with pytest.raises(OutcomeUnknownError, match=r"no such job|nobody knows") as caught:
            launch()
        assert caught.value.hint
    assert server.count("POST", JOBS) == 1


def test_after_the_settle_window_the_user_decides(
    launch: Callable[..., LaunchReport], server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launching, "SETTLE_S", 0.0)
    server.fail("POST", JOBS, drop_before)
    with pytest.raises(OutcomeUnknownError):
        launch()
    with pytest.raises(OutcomeUnknownError, match="ever showed up") as caught:
        launch()
    assert "--again" in caught.value.hint
    assert launch(again=True).is_new
    assert server.count("POST", JOBS) == 2


def test_a_server_that_stays_down_after_the_create_leaves_an_unknown_outcome(
    launch: Callable[..., LaunchReport], server: ScriptedServer, ledger: Ledger
) -> None:
    server.fail("POST", JOBS, drop_after)
    server.fail("GET", JOBS, *[drop_before] * 3)
    with pytest.raises(OutcomeUnknownError):
        launch()
    assert ledger.run(None).state == "unknown"


def test_a_process_killed_while_sending_leaves_a_run_whose_job_is_adopted(
    launch: Callable[..., LaunchReport], lab: Home, lab_spec: Path, server: ScriptedServer, ledger: Ledger
) -> None:
    server.fail("POST", JOBS, stall(30))
    child = subprocess.Popen(
        [sys.executable, "-m", "rftctl", "launch", str(lab_spec)], stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not server.jobs and time.monotonic() < deadline:
        time.sleep(0.05)
    child.kill()
    child.wait()
    assert ledger.run(None).state == "sending"
    report = launch()
    assert (report.job.id, report.is_new, server.count("POST", JOBS)) == ("ftjob-1", False, 1)


def test_two_launches_at_once_make_one_job(lab: Home, lab_spec: Path, server: ScriptedServer) -> None:
    server.fail("POST", "/files", stall(3))
    command = [sys.executable, "-m", "rftctl", "launch", str(lab_spec)]
    both = [subprocess.Popen(command, env=os.environ, stderr=subprocess.DEVNULL) for _ in range(2)]
    codes = sorted(child.wait(timeout=60) for child in both)
    assert len(server.jobs) == 1
    assert codes in ([0, 0], [0, 8])


def never(estimate: CostEstimate) -> bool:
    return False


@pytest.mark.parametrize("budget", ["4", "7.99"])
def test_an_estimate_above_the_budget_is_refused_before_anything_is_sent(
    budget: str, launch: Callable[..., LaunchReport], server: ScriptedServer, ledger: Ledger
) -> None:
    with pytest.raises(BudgetError, match=r"\$4.00 to \$8.00 does not fit"):
        launch(overrides={"budget.max_usd": budget}, may_spend=lambda _: True)
    assert (server.requests, ledger.runs()) == ([], [])


def test_an_estimate_that_just_fits_is_launched_without_asking(launch: Callable[..., LaunchReport]) -> None:
    assert launch(overrides={"budget.max_usd": "8"}, may_spend=never).is_new


def test_without_a_budget_somebody_must_agree(
    launch: Callable[..., LaunchReport], server: ScriptedServer
) -> None:
    asked: list[CostEstimate] = []

    def agree(estimate: CostEstimate) -> bool:
        asked.append(estimate)
        return len(asked) > 1

    with pytest.raises(BudgetError, match="nobody agreed") as caught:
        launch(overrides={"budget.max_usd": "null"}, may_spend=agree)
    assert "--yes" in caught.value.hint
    assert server.requests == []
    assert launch(overrides={"budget.max_usd": "null"}, may_spend=agree).is_new
    assert asked[0].high_usd == pytest.approx(8.0)


@pytest.mark.parametrize(
    "facts", ["usd_per_training_hour: null", "usd_per_training_hour: .nan", "step_seconds: null"]
)
def test_an_estimate_that_is_no_number_never_fits_a_budget(
    facts: str, launch: Callable[..., LaunchReport], lab: Home, server: ScriptedServer
) -> None:
    name = facts.split(":")[0]
    kept = [line for line in (lab.path / "profiles.yaml").read_text().splitlines() if name not in line]
    (lab.path / "profiles.yaml").write_text("\n".join([*kept, f"  {facts}\n"]))
    with pytest.raises((BudgetError, InvalidInputError)):
        launch(overrides={"budget.max_usd": "1000000"}, may_spend=lambda _: True)
    assert server.requests == []


def test_finding_a_run_again_asks_for_no_money(launch: Callable[..., LaunchReport], lab: Home) -> None:
    launch()
    facts = (lab.path / "profiles.yaml").read_text()
    (lab.path / "profiles.yaml").write_text(facts.replace("100", "100000"))
    assert launch(may_spend=never).is_new is False


def test_an_invalid_spec_is_refused_with_its_findings(
    launch: Callable[..., LaunchReport], lab_spec: Path, server: ScriptedServer
) -> None:
    (lab_spec.parent / "train.jsonl").write_text('{"messages": []}\n')
    with pytest.raises(InvalidInputError) as caught:
        launch()
    assert any(f.place.line == 1 and "train.jsonl" in f.place.path for f in caught.value.findings)
    assert server.requests == []


def test_without_a_terminal_the_command_does_not_ask(
    lab: Home, lab_spec: Path, server: ScriptedServer
) -> None:
    done = run_rftctl("launch", str(lab_spec), "--set", "budget.max_usd=null", home=lab.path)
    assert done.returncode == 7
    assert "nobody agreed to spend" in done.stderr
    assert server.requests == []
    agreed = run_rftctl("launch", str(lab_spec), "--set", "budget.max_usd=null", "--yes", home=lab.path)
    assert agreed.returncode == 0


def test_a_relaunch_cut_off_while_uploading_has_sent_nothing(
    launch: Callable[..., LaunchReport], server: ScriptedServer, ledger: Ledger
) -> None:
    server.fail("POST", JOBS, answer({"error": {"message": "no"}}, 400))
    with pytest.raises(ProviderError):
        launch()
    ledger.set_state(ledger.run(None).run_id, "uploading")
    assert launch().is_new
    assert len(server.jobs) == 1
