"""Plans: what a launch would send is seen first, sent only as it was seen, refused once it drifted."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from rftctl.commands.launch import launch_spec
from rftctl.commands.plan import is_plan, launch_plan, plan_spec
from rftctl.commands.updates import finish
from rftctl.errors import BudgetError, InvalidInputError
from tests.conftest import read_json, run_rftctl, write_rows
from tests.providers.scripted_server import drop_before

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rftctl.commands.plan import LaunchPlan
    from rftctl.home import Home
    from rftctl.ledger import Ledger
    from tests.providers.scripted_server import ScriptedServer

JOBS = "/fine_tuning/jobs"


@pytest.fixture
def plan(lab: Home, lab_spec: Path, ledger: Ledger) -> Callable[..., LaunchPlan]:
    """Give the test a plan of the spec, as the command makes it."""
    return lambda **options: finish(plan_spec(lab_spec, lab, ledger, **options))


@pytest.fixture
def plan_file(plan: Callable[..., LaunchPlan], tmp_path: Path) -> Path:
    """Give the test a plan on disk."""
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan().to_json()))
    return path


def created(server: ScriptedServer) -> list[dict[str, Any]]:
    return [json.loads(r.body) for r in server.requests if (r.method, r.path) == ("POST", f"/v1{JOBS}")]


def test_a_plan_sends_nothing_and_remembers_nothing(
    plan: Callable[..., LaunchPlan], server: ScriptedServer, ledger: Ledger
) -> None:
    assert plan().exit_code == 0
    assert {request.method for request in server.requests} == {"GET"}
    assert ledger.runs() == []


def test_a_plan_names_files_price_budget_dates_and_the_whole_request(
    plan: Callable[..., LaunchPlan], lab_spec: Path, server: ScriptedServer
) -> None:
    document = plan().to_json()
    train = (lab_spec.parent / "train.jsonl").read_bytes()
    file = document["data"][0]
    assert (file["sha256"], file["n_bytes"], file["n_rows"]) == (
        hashlib.sha256(train).hexdigest(),
        len(train),
        16,
    )
    assert document["schema"] == "rftctl.plan/1"
    assert (document["estimate"]["low_usd"], document["budget"]["left_usd"]) == (pytest.approx(4), 25)
    assert document["provider"]["base_url"].startswith(server.url)
    assert {"ends_on", "model_retires_on", "checked_on"} <= document["provider"].keys()
    assert document["request"]["method"]["reinforcement"]["grader"]["reference"] == "{{ item.answer }}"
    assert document["request"]["training_file"] == f"sha256:{file['sha256']}"


def test_a_launched_plan_is_the_request_that_was_planned(
    plan_file: Path, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    report = finish(launch_plan(plan_file, lab, ledger))
    planned, sent = json.loads(plan_file.read_text()), created(server)[0]
    ids = {key: sent[key] for key in ("training_file", "validation_file")}
    assert sent == {**planned["request"], **ids}
    assert (report.run.run_id, report.run.launch_id) == (planned["run_id"], planned["launch_id"])


def test_the_same_plan_twice_is_one_launch(
    plan_file: Path, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    reports = [finish(launch_plan(plan_file, lab, ledger)) for _ in range(2)]
    assert [report.is_new for report in reports] == [True, False]
    assert len(server.jobs) == 1


def test_a_plan_made_to_run_again_runs_again_but_once(
    plan: Callable[..., LaunchPlan],
    lab: Home,
    lab_spec: Path,
    ledger: Ledger,
    server: ScriptedServer,
    tmp_path: Path,
) -> None:
    finish(launch_spec(lab_spec, lab, ledger))
    path = tmp_path / "again.json"
    path.write_text(json.dumps(plan(again=True).to_json()))
    reports = [finish(launch_plan(path, lab, ledger)) for _ in range(2)]
    assert [report.is_new for report in reports] == [True, False]
    assert len(server.jobs) == 2


def edit_spec(spec: Path, lab: Home) -> None:
    spec.write_text(spec.read_text().replace("seed: 1", "seed: 2"))


def edit_data(spec: Path, lab: Home) -> None:
    write_rows(spec.parent / "valid.jsonl", 100, 5)


def edit_grader(spec: Path, lab: Home) -> None:
    spec.write_text(spec.read_text().replace("fuzzy_match", "rouge_l"))


def edit_price(spec: Path, lab: Home) -> None:
    path = lab.path / "profiles.yaml"
    path.write_text(path.read_text().replace("usd_per_training_hour: 100", "usd_per_training_hour: 120"))


def edit_request(spec: Path, lab: Home) -> None:
    path = lab.path / "profiles.yaml"
    path.write_text(path.read_text() + "  request_keys: {trainingType: developerTier}\n")


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (edit_spec, "spec"),
        (edit_data, "validation_file"),
        (edit_grader, "grader"),
        (edit_price, "price: usd_per_training_hour"),
        (edit_request, "request"),
    ],
)
def test_a_plan_that_has_drifted_is_refused_with_what_drifted(
    edit: Any, what: str, plan_file: Path, lab: Home, lab_spec: Path, ledger: Ledger, server: ScriptedServer
) -> None:
    edit(lab_spec, lab)
    with pytest.raises(InvalidInputError) as caught:
        finish(launch_plan(plan_file, lab, ledger))
    assert int(caught.value.exit_code) == 3
    assert {f.code for f in caught.value.findings} == {"RFT450"}
    assert any(f.message.startswith(f"{what} has drifted") for f in caught.value.findings)
    assert created(server) == []


def test_a_plan_cannot_bring_a_request_of_its_own(
    plan_file: Path, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    document = json.loads(plan_file.read_text())
    document["request"]["integrations"] = [{"type": "wandb", "wandb": {"project": "evil"}}]
    plan_file.write_text(json.dumps(document))
    with pytest.raises(InvalidInputError, match="no longer holds"):
        finish(launch_plan(plan_file, lab, ledger))
    assert created(server) == []


def test_a_plan_made_for_another_address_is_refused(plan_file: Path, lab: Home, ledger: Ledger) -> None:
    document = json.loads(plan_file.read_text())
    document["provider"]["base_url"] = "https://other.example/v1/"
    plan_file.write_text(json.dumps(document))
    with pytest.raises(InvalidInputError) as caught:
        finish(launch_plan(plan_file, lab, ledger))
    assert "base URL has drifted" in caught.value.findings[0].message


@pytest.mark.parametrize(
    "text",
    ["{}", '{"schema": "rftctl.plan/9"}', "{", '{"schema": "rftctl.plan/1", "again": 5}', '{"a": NaN}', ""],
)
def test_a_file_that_is_no_plan_is_refused(text: str, tmp_path: Path, lab: Home, ledger: Ledger) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    assert is_plan(path) == ("rftctl.plan" in text)
    with pytest.raises(InvalidInputError, match="is no plan"):
        finish(launch_plan(path, lab, ledger))


def test_a_spec_is_not_taken_for_a_plan(lab_spec: Path, tmp_path: Path) -> None:
    assert not is_plan(lab_spec)
    assert not is_plan(tmp_path / "nothing.json")


def test_launching_a_plan_asks_for_consent_as_any_launch_does(
    plan: Callable[..., LaunchPlan], lab: Home, ledger: Ledger, tmp_path: Path
) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan(overrides={"budget.max_usd": "null"}).to_json()))
    with pytest.raises(BudgetError, match="nobody agreed"):
        finish(launch_plan(path, lab, ledger))
    assert finish(launch_plan(path, lab, ledger, may_spend=lambda _: True)).is_new


def test_a_plan_that_does_not_fit_the_budget_says_so_by_its_exit_code(
    plan: Callable[..., LaunchPlan],
) -> None:
    found = plan(overrides={"budget.max_usd": "7"})
    assert (int(found.exit_code), found.to_json()["budget"]["fits"]) == (7, False)


def test_a_plan_counts_what_earlier_runs_hold(
    plan: Callable[..., LaunchPlan], lab: Home, lab_spec: Path, ledger: Ledger
) -> None:
    run = finish(launch_spec(lab_spec, lab, ledger)).run
    budget = plan(again=True).to_json()["budget"]
    assert (budget["held_usd"], budget["holders"]) == (pytest.approx(8), [run.run_id])
    assert budget["left_usd"] == pytest.approx(17)


def test_a_plan_shows_what_is_there_already(
    plan: Callable[..., LaunchPlan], lab: Home, lab_spec: Path, ledger: Ledger
) -> None:
    report = finish(launch_spec(lab_spec, lab, ledger))
    found = plan()
    assert found.existing == {"run_id": report.run.run_id, "job_id": "ftjob-1", "status": "queued"}
    assert found.reused == {"training_file": "file-1", "validation_file": "file-2"}
    assert found.request["training_file"] == "file-1"


def test_a_provider_that_cannot_be_asked_leaves_a_finding_and_a_plan(
    plan: Callable[..., LaunchPlan], server: ScriptedServer
) -> None:
    server.fail("GET", JOBS, *[drop_before] * 3)
    found = plan()
    assert (found.address, found.existing, found.exit_code) == (None, None, 0)
    assert "RFT452" in [finding.code for finding in found.findings]


def test_the_command_prints_a_plan_that_it_then_launches(
    lab: Home, lab_spec: Path, server: ScriptedServer, tmp_path: Path
) -> None:
    done = run_rftctl("launch", str(lab_spec), "--plan", "--json", home=lab.path)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "plan.json"
    path.write_text(done.stdout)
    launched = run_rftctl("launch", str(path), "--json", home=lab.path)
    assert read_json(launched)["run_id"] == json.loads(done.stdout)["run_id"]
    shown = run_rftctl("launch", str(lab_spec), "--plan", home=lab.path)
    assert "{{ item.answer }}" in shown.stdout
    assert "nothing would be sent: job ftjob-1 is there" in shown.stdout
    mixed = run_rftctl("launch", str(path), "--again", home=lab.path)
    assert mixed.returncode == 2
