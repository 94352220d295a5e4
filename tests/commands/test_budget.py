"""What a budget still allows after earlier runs of the same spec."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rftctl.commands.budget import Spending, spending_of
from rftctl.commands.launch import launch_spec
from rftctl.commands.preparing import prepare_spec
from rftctl.commands.updates import finish
from rftctl.cost import CostEstimate
from rftctl.errors import BudgetError
from rftctl.wire import JobEvent

if TYPE_CHECKING:
    from pathlib import Path

    from rftctl.home import Home
    from rftctl.ledger import Ledger, Run
    from tests.providers.scripted_server import ScriptedServer

NAN = float("nan")


@pytest.fixture
def run(lab: Home, lab_spec: Path, ledger: Ledger) -> Run:
    """Give the test a launched run whose estimate is 4 to 8 dollars of a budget of 25."""
    return finish(launch_spec(lab_spec, lab, ledger)).run


def step(number: int, seconds: float | None) -> JobEvent:
    timing = {} if seconds is None else {"timing": {"step": {"full_iteration": seconds}}}
    return JobEvent(f"e{number}", number, "info", "", "metrics", {"step": number, **timing})


def spending(lab: Home, lab_spec: Path, ledger: Ledger) -> Spending:
    return spending_of(finish(prepare_spec(lab_spec, lab)), ledger, "lab")


@pytest.mark.parametrize("state", ["queued", "running", "paused", "unknown", "sending", "succeeded"])
def test_a_run_whose_cost_is_not_known_holds_its_worst_case(
    state: str, run: Run, lab: Home, lab_spec: Path, ledger: Ledger
) -> None:
    ledger.set_state(run.run_id, state)
    found = spending(lab, lab_spec, ledger)
    assert (found.spent_usd, found.held_usd, found.holders) == (0, pytest.approx(8), (run.run_id,))
    assert found.left_usd == pytest.approx(17)


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled"])
def test_an_ended_run_counts_with_what_it_cost(
    state: str, run: Run, lab: Home, lab_spec: Path, ledger: Ledger
) -> None:
    ledger.put_events(run.run_id, [step(1, 36.0), step(2, 36.0)])
    ledger.set_state(run.run_id, state)
    found = spending(lab, lab_spec, ledger)
    assert (found.spent_usd, found.held_usd) == (pytest.approx(2), 0)


@pytest.mark.parametrize("state", ["refused", "planned", "uploading", "abandoned", "failed", "cancelled"])
def test_a_run_that_never_trained_took_nothing(
    state: str, run: Run, lab: Home, lab_spec: Path, ledger: Ledger
) -> None:
    ledger.set_state(run.run_id, state)
    assert spending(lab, lab_spec, ledger).left_usd == 25


def test_steps_without_a_time_leave_the_cost_unknown_and_the_money_held(
    run: Run, lab: Home, lab_spec: Path, ledger: Ledger
) -> None:
    ledger.put_events(run.run_id, [step(1, 36.0), step(2, None)])
    ledger.set_state(run.run_id, "succeeded")
    assert spending(lab, lab_spec, ledger).held_usd == pytest.approx(8)


def test_what_earlier_runs_hold_is_not_spent_twice(
    run: Run, lab: Home, lab_spec: Path, ledger: Ledger, server: ScriptedServer
) -> None:
    for _ in range(2):
        finish(launch_spec(lab_spec, lab, ledger, again=True))
    with pytest.raises(BudgetError, match=r"\$24.00 held by digits-"):
        finish(launch_spec(lab_spec, lab, ledger, again=True))
    assert len(server.jobs) == 3


@pytest.mark.parametrize(("low", "high"), [(None, None), (1.0, NAN), (NAN, NAN), (1.0, float("inf"))])
def test_what_is_no_number_never_fits(low: float | None, high: float | None) -> None:
    estimate = CostEstimate(low, high, None, None, "")
    assert not Spending(1e9).fits(estimate)
    assert not Spending(NAN).fits(CostEstimate(0.0, 0.0, None, None, ""))
