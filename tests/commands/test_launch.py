"""Launching: one spec and its data are one job, whatever the network or the machine does meanwhile."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rftctl.commands.launch import launch_spec
from rftctl.commands.updates import Note, Progress, finish
from rftctl.errors import (
    BudgetError,
    InvalidInputError,
    OutcomeUnknownError,
    ProviderError,
    StorageError,
    UsageError,
)
from rftctl.home import open_home
from rftctl.ledger import Ledger
from tests.conftest import run_rftctl, write_rows
from tests.providers.scripted_server import act_then_answer, answer, drop_after, drop_before, stall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rftctl.commands.launch import LaunchReport
    from rftctl.cost import CostEstimate
    from rftctl.home import Home
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
    created = [r for r in server.requests if (r.method, r.path) == ("POST", f"/v1{JOBS}")]
    body = json.loads(created[0].body)
    run = ledger.run(None)
    assert (body["training_file"], body["validation_file"], body["seed"]) == ("file-1", "file-2", 1)
    assert body["method"]["reinforcement"]["grader"]["name"] == "near"
    assert body["metadata"] == {
        "rftctl_launch": run.launch_id,
        "rftctl_run": run.run_id,
        "rftctl_spec": run.spec_sha256,
        "rftctl_data": run.data_sha256,
    }
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
    monkeypatch.setenv("RFTCTL_SETTLE_S", "0")
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
        launch(again=True)
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


def sent(server: ScriptedServer) -> list[str]:
    return [request.path for request in server.requests if request.method == "POST"]


def never(estimate: CostEstimate) -> bool:
    return False


@pytest.mark.parametrize("budget", ["4", "7.99"])
def test_an_estimate_above_the_budget_is_refused_before_anything_is_sent(
    budget: str, launch: Callable[..., LaunchReport], server: ScriptedServer, ledger: Ledger
) -> None:
    with pytest.raises(BudgetError, match=r"\$4.00 to \$8.00 does not fit"):
        launch(overrides={"budget.max_usd": budget}, may_spend=lambda _: True)
    assert (sent(server), ledger.runs()) == ([], [])


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
    assert sent(server) == []
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
    assert sent(server) == []


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
    assert sent(server) == []
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


@pytest.fixture
def elsewhere(
    lab: Home, lab_spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., LaunchReport]]:
    """Give the test a launch of the same spec from a machine whose ledger is empty."""
    other = tmp_path / "other"
    other.mkdir()
    for name in ("config.yaml", "profiles.yaml"):
        (other / name).write_text((lab.path / name).read_text())
    monkeypatch.setenv("RFTCTL_HOME", str(other))
    home = open_home()
    with Ledger(home.ledger) as ledger:
        yield lambda **options: finish(launch_spec(lab_spec, home, ledger, **options))


def test_a_launch_from_a_fresh_machine_finds_the_job_and_sends_nothing(
    launch: Callable[..., LaunchReport], elsewhere: Callable[..., LaunchReport], server: ScriptedServer
) -> None:
    first, second = launch(), elsewhere(may_spend=never)
    assert (second.is_new, second.exit_code, second.job.id) == (False, 0, first.job.id)
    assert (second.run.run_id, second.run.launch_id) == (first.run.run_id, first.run.launch_id)
    assert (server.count("POST", JOBS), server.count("POST", "/files")) == (1, 2)
    assert elsewhere().run.run_id == first.run.run_id


def test_again_from_a_fresh_machine_makes_a_new_job_on_purpose(
    launch: Callable[..., LaunchReport], elsewhere: Callable[..., LaunchReport], server: ScriptedServer
) -> None:
    first, second = launch(), elsewhere(again=True)
    assert (second.is_new, second.run.run_id != first.run.run_id) == (True, True)
    assert server.count("POST", JOBS) == 2


def test_other_rows_on_a_fresh_machine_are_another_launch(
    launch: Callable[..., LaunchReport],
    elsewhere: Callable[..., LaunchReport],
    lab_spec: Path,
    server: ScriptedServer,
) -> None:
    launch()
    write_rows(lab_spec.parent / "train.jsonl", 0, 17)
    assert elsewhere().is_new
    assert len(server.jobs) == 2


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_job_that_ended_badly_counts_on_a_fresh_machine_too(
    status: str,
    launch: Callable[..., LaunchReport],
    elsewhere: Callable[..., LaunchReport],
    server: ScriptedServer,
) -> None:
    launch()
    server.jobs[0]["status"] = status
    report = elsewhere()
    assert (report.is_new, report.exit_code, len(server.jobs)) == (False, 1, 1)


def test_a_job_on_a_late_page_of_a_server_without_filters_is_found_from_a_fresh_machine(
    launch: Callable[..., LaunchReport], elsewhere: Callable[..., LaunchReport], server: ScriptedServer
) -> None:
    first = launch()
    for _ in range(250):
        server._create({"metadata": {"team": "other"}})
    server.ignores_metadata = True
    assert elsewhere().job.id == first.job.id


@pytest.mark.parametrize(
    "page", [{"data": [], "has_more": True}, {"data": [{"id": "x"}], "has_more": True}, {"object": "list"}]
)
def test_a_list_without_an_end_proves_no_absence(
    page: dict[str, Any], launch: Callable[..., LaunchReport], server: ScriptedServer
) -> None:
    server.fail("GET", JOBS, *[answer(page)] * 4)
    with pytest.raises(ProviderError, match=r"has no end|is no list"):
        launch()
    assert sent(server) == []


def test_a_server_that_lists_nothing_is_launched_on_with_a_warning(
    lab: Home, lab_spec: Path, ledger: Ledger, server: ScriptedServer
) -> None:
    server.fail("GET", JOBS, answer({"error": {"message": "no such route"}}, 404))
    said = [update for update in launch_spec(lab_spec, lab, ledger) if isinstance(update, Note)]
    assert any("lists no jobs" in note.message and note.level == "warning" for note in said)
    assert len(server.jobs) == 1


@pytest.mark.parametrize(
    "reply",
    [
        "<html>login</html>",
        {"id": None, "status": "queued"},
        {"id": "../etc", "status": "queued"},
        {"id": "ftjob-9", "status": 5},
        {"id": "file-9", "object": "file", "status": "processed"},
        {"id": "ftjob-9", "status": "queued", "metadata": {"rftctl_launch": "another"}},
        [],
        {},
    ],
    ids=str,
)
def test_a_reply_that_is_no_answer_leaves_the_outcome_unknown_and_is_not_recorded(
    reply: Any, launch: Callable[..., LaunchReport], server: ScriptedServer, ledger: Ledger
) -> None:
    server.fail("POST", JOBS, answer(reply))
    for _ in range(2):
        with pytest.raises(OutcomeUnknownError):
            launch()
    assert (ledger.run(None).state, ledger.run(None).job_id) == ("unknown", None)
    assert server.count("POST", JOBS) == 1


@pytest.mark.parametrize(("status", "state"), [(303, "unknown"), (302, "refused"), (307, "refused")])
def test_a_redirect_is_not_followed(
    status: int, state: str, launch: Callable[..., LaunchReport], server: ScriptedServer, ledger: Ledger
) -> None:
    server.fail("POST", JOBS, answer("", status, Location=f"{server.url}{JOBS}"))
    with pytest.raises((OutcomeUnknownError, ProviderError)):
        launch()
    assert (server.count("POST", JOBS), ledger.run(None).state) == (1, state)


def test_a_launch_given_up_after_the_settle_window_holds_no_budget(
    launch: Callable[..., LaunchReport],
    server: ScriptedServer,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    budget = {"budget.max_usd": "10"}
    server.fail("POST", JOBS, drop_before)
    with pytest.raises(OutcomeUnknownError):
        launch(overrides=budget)
    with pytest.raises(BudgetError, match=r"\$8.00 held by digits-"):
        launch(overrides=budget, again=True)
    monkeypatch.setenv("RFTCTL_SETTLE_S", "0")
    assert launch(overrides=budget, again=True).is_new
    assert [run.state for run in ledger.runs()] == ["queued", "abandoned"]


def test_two_jobs_of_one_launch_are_told_and_the_first_is_kept(
    launch: Callable[..., LaunchReport], server: ScriptedServer, ledger: Ledger
) -> None:
    server.fail("POST", JOBS, drop_after)
    server.hides_jobs = True
    with pytest.raises(OutcomeUnknownError):
        launch()
    server.hides_jobs = False
    server._create({"metadata": dict(server.jobs[0]["metadata"])})
    report = launch()
    assert (report.exit_code, report.job.id, report.duplicates) == (9, "ftjob-1", ("ftjob-2",))
    assert ledger.run(None).job_id == "ftjob-1"


def test_a_job_that_could_not_be_recorded_is_named(
    launch: Callable[..., LaunchReport],
    ledger: Ledger,
    server: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    note = ledger.note

    def full(run_id: str, kind: str, data: dict[str, Any]) -> None:
        if kind == "job":
            raise StorageError("database or disk is full")
        note(run_id, kind, data)

    monkeypatch.setattr(ledger, "note", full)
    with pytest.raises(StorageError, match="job ftjob-1 of run"):
        launch()
    monkeypatch.undo()
    assert (launch().job.id, len(server.jobs)) == ("ftjob-1", 1)


def test_each_data_file_is_read_once_for_its_hash(
    launch: Callable[..., LaunchReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[Any] = []
    digest = hashlib.file_digest
    monkeypatch.setattr(
        hashlib, "file_digest", lambda file, kind: hashed.append(file.name) or digest(file, kind)
    )
    launch()
    assert sorted(Path(str(name)).name for name in hashed) == ["train.jsonl", "valid.jsonl"]


def test_rows_changed_between_check_and_upload_are_not_sent(
    lab: Home, lab_spec: Path, ledger: Ledger, server: ScriptedServer
) -> None:
    command = launch_spec(lab_spec, lab, ledger)
    for update in command:
        if isinstance(update, Progress) and update.stage == "upload":
            write_rows(lab_spec.parent / "train.jsonl", 0, 20)
            break
    with pytest.raises(InvalidInputError, match="was changed while"):
        finish(command)
    assert sent(server) == []


LISTED = {"id": "lab-model", "object": "model", "shutdown_date": "2026-01-01"}


def test_a_model_that_the_provider_itself_has_ended_is_refused_before_the_upload(
    launch: Callable[..., LaunchReport], server: ScriptedServer
) -> None:
    server.fail("GET", "/models", answer({"data": [LISTED]}))
    with pytest.raises(InvalidInputError, match="says lab itself") as caught:
        launch()
    assert (caught.value.findings[0].code, sent(server)) == ("RFT442", [])


def test_a_dated_refusal_may_pass_once_and_is_recorded(
    launch: Callable[..., LaunchReport], lab: Home, ledger: Ledger
) -> None:
    facts = (lab.path / "profiles.yaml").read_text()
    ended = facts.replace("{id: lab-model}", "{id: lab-model, retires_on: 2026-01-01}")
    (lab.path / "profiles.yaml").write_text(ended)
    with pytest.raises(InvalidInputError) as caught:
        launch()
    assert [f.code for f in caught.value.findings] == ["RFT402"]
    run = launch(allow=["RFT402"]).run
    noted = ledger.newest(run.run_id, "allowed")
    assert noted is not None
    assert (noted["codes"], "shut down" in noted["findings"][0]) == (["RFT402"], True)


def test_a_model_hidden_behind_an_ended_platform_is_refused_on_its_own(
    launch: Callable[..., LaunchReport], lab: Home
) -> None:
    facts = (lab.path / "profiles.yaml").read_text()
    ended = facts.replace("{id: lab-model}", "{id: lab-model, retires_on: 2026-01-01}")
    (lab.path / "profiles.yaml").write_text(ended.replace("ends_on: null", "ends_on: 2026-01-01"))
    with pytest.raises(InvalidInputError) as caught:
        launch(allow=["RFT405"])
    assert [f.code for f in caught.value.findings] == ["RFT402"]
    assert launch(allow=["RFT405", "RFT402"]).is_new


@pytest.mark.parametrize("code", ["RFT204", "RFT401", "RFT420", "nonsense"])
def test_only_a_date_can_be_let_pass(code: str, launch: Callable[..., LaunchReport]) -> None:
    with pytest.raises(UsageError, match="rests on a date"):
        launch(allow=[code])


def test_a_closed_platform_is_told_with_the_way_out_before_the_upload(
    launch: Callable[..., LaunchReport], server: ScriptedServer
) -> None:
    closed = answer({"error": {"message": "closed", "code": "training_not_available"}}, 403)
    server.fail("GET", JOBS, closed)
    with pytest.raises(ProviderError) as caught:
        launch()
    assert (caught.value.code, sent(server)) == ("training_not_available", [])
    assert "another target" in caught.value.hint


def test_an_account_that_may_not_run_python_graders_is_refused_before_the_upload(
    launch: Callable[..., LaunchReport], server: ScriptedServer, lab_spec: Path
) -> None:
    head, _, tail = lab_spec.read_text().partition("grader:")
    source = 'grader: {type: python, name: g, source: "def grade(sample, item):\\n    return 1.0\\n"}\n'
    lab_spec.write_text(head + source + "hyperparameters" + tail.partition("hyperparameters")[2])
    errors = {"other_error": True, "python_grader_server_error_type": "unauthorized_error"}
    server.fail("POST", "/graders/run", answer({"reward": 0.0, "metadata": {"errors": errors}}))
    with pytest.raises(ProviderError, match="may not run python graders"):
        launch()
    assert [path for path in sent(server) if not path.endswith("/graders/run")] == []
