"""Listing runs: states are asked for where they may have moved, and a silent provider hides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rftctl.commands.cost import actual_of_run, estimate_spec
from rftctl.commands.launch import launch_spec
from rftctl.commands.runs import list_runs, show_run
from rftctl.commands.updates import Note, finish
from tests.providers.scripted_server import drop_before

if TYPE_CHECKING:
    from pathlib import Path

    from rftctl.home import Home
    from rftctl.ledger import Ledger, Run
    from tests.providers.scripted_server import ScriptedServer


@pytest.fixture
def run(lab: Home, lab_spec: Path, ledger: Ledger) -> Run:
    """Give the test a launched run."""
    return finish(launch_spec(lab_spec, lab, ledger)).run


def test_without_runs_the_list_is_empty(lab: Home, ledger: Ledger) -> None:
    assert finish(list_runs(ledger, lab)).to_json() == {"schema": "rftctl.runs/1", "runs": []}


def test_a_run_that_moved_is_listed_with_its_new_state(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    server.jobs[0]["status"] = "running"
    assert [r.state for r in finish(list_runs(ledger, lab)).runs] == ["running"]


def test_a_run_at_rest_is_not_asked_for_again(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    server.jobs[0]["status"] = "succeeded"
    finish(list_runs(ledger, lab))
    asked = len(server.requests)
    assert [r.state for r in finish(list_runs(ledger, lab)).runs] == ["succeeded"]
    assert len(server.requests) == asked


def test_a_provider_that_is_away_leaves_the_old_state_and_a_warning(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    server.fail("GET", "ftjob-1", *[drop_before] * 3)
    command = list_runs(ledger, lab)
    said = next(command)
    assert isinstance(said, Note)
    assert (said.level, "may be old" in said.message) == ("warning", True)
    assert [r.state for r in finish(command).runs] == ["queued"]


def test_one_run_is_shown_with_its_history_and_curve(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    data = {"step": 1, "train_mean_reward": 0.25}
    server.events = [{"id": "e", "created_at": 1, "type": "metrics", "message": "", "data": data}]
    document = finish(show_run(run, ledger, lab)).to_json()
    assert document["schema"] == "rftctl.run-details/1"
    assert document["curve"][0]["reward_mean"] == 0.25
    assert {"state", "request", "sending", "job"} <= {entry["kind"] for entry in document["entries"]}


def test_a_spec_is_estimated_without_asking_the_provider(
    lab: Home, lab_spec: Path, server: ScriptedServer
) -> None:
    found = finish(estimate_spec(lab_spec, lab))
    assert (found.low_usd, found.high_usd) == (pytest.approx(4.0), pytest.approx(8.0))
    assert server.requests == []


def test_the_actual_cost_reads_what_is_new(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    data = {"step": 1, "timing": {"step": {"full_iteration": 72.0}}}
    server.events = [{"id": "e", "created_at": 1, "type": "metrics", "message": "", "data": data}]
    found = finish(actual_of_run(run, lab, ledger))
    assert (found.low_usd, found.high_usd) == (pytest.approx(2.0), pytest.approx(2.0))
