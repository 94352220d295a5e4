"""What a run costs: ranges with a basis, and a price that nobody publishes is never 0."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rftctl.cost import CostEstimate, actual_cost, estimate_cost, total_steps
from rftctl.profiles import Profile, load_profile
from rftctl.spec import RunSpec
from rftctl.wire import JobEvent


def make_spec(**hyperparameters: Any) -> RunSpec:
    return RunSpec.model_validate(
        {
            "version": 1,
            "name": "x",
            "provider": "openai",
            "model": "o4-mini-2025-04-16",
            "training_file": "t.jsonl",
            "grader": {},
            "hyperparameters": hyperparameters,
        }
    )


def step(seconds: Any, number: int = 1) -> JobEvent:
    return JobEvent(
        f"e{number}",
        number,
        "info",
        "",
        "metrics",
        {"step": number, "timing": {"step": {"full_iteration": seconds}}},
    )


def unpriced() -> Profile:
    return msgspec.structs.replace(load_profile("openai"), usd_per_training_hour=None)


def test_steps_round_a_last_small_batch_up() -> None:
    assert total_steps(make_spec(n_epochs=2, batch_size=4), 9) == 6


def test_auto_counts_as_a_usual_value() -> None:
    assert total_steps(make_spec(), 160) == 30


def test_an_estimate_is_hours_times_the_rate() -> None:
    found = estimate_cost(make_spec(n_epochs=1, batch_size=10), load_profile("openai"), 100)
    assert found.low_usd == pytest.approx(10 * 200 / 3600 * 100)
    assert found.high_usd == pytest.approx(10 * 800 / 3600 * 100)
    assert found.training_hours_high == pytest.approx(10 * 800 / 3600)
    assert "10 steps" in found.basis


@pytest.mark.parametrize(("grader_type", "is_said"), [("python", False), ("score_model", True)])
def test_grader_tokens_are_named_only_where_a_model_grades(grader_type: str, is_said: bool) -> None:
    spec = make_spec()
    judged = spec.model_copy(update={"grader": {"type": "multi", "graders": {"a": {"type": grader_type}}}})
    found = estimate_cost(judged, load_profile("openai"), 100)
    assert ("grader model tokens" in found.basis) is is_said


def test_more_exploration_costs_more() -> None:
    profile = load_profile("openai")
    once = estimate_cost(make_spec(compute_multiplier=1.0), profile, 100).high_usd
    twice = estimate_cost(make_spec(compute_multiplier=2.0), profile, 100).high_usd
    assert once is not None
    assert twice == pytest.approx(2 * once)


def test_a_price_that_is_not_known_stays_unknown() -> None:
    found = estimate_cost(make_spec(), unpriced(), 100)
    assert (found.low_usd, found.high_usd) == (None, None)
    assert found.describe() == "of unknown price"


def test_this_machine_bills_nobody() -> None:
    found = estimate_cost(make_spec(), load_profile("local"), 100)
    assert (found.low_usd, found.high_usd, found.checked_on) == (0.0, 0.0, None)


def test_the_actual_cost_adds_up_measured_steps() -> None:
    found = actual_cost(load_profile("openai"), [step(720.0, 1), step(1080.0, 2)])
    assert found.low_usd == found.high_usd == pytest.approx(50.0)
    assert found.training_hours_high == pytest.approx(0.5)


def test_a_step_without_a_time_makes_the_cost_unknown() -> None:
    assert actual_cost(load_profile("openai"), [step(720.0, 1), step(None, 2)]).high_usd is None


def test_before_the_first_step_the_cost_is_unknown_not_zero() -> None:
    assert actual_cost(load_profile("openai"), []).high_usd is None


@pytest.mark.parametrize("timing", ["x", 3, {"step": 4}, {"step": {"full_iteration": "long"}}, [], None])
def test_odd_timings_are_unknown_times(timing: Any) -> None:
    event = JobEvent("e", 1, "info", "", "metrics", {"step": 1, "timing": timing})
    assert actual_cost(load_profile("openai"), [event]).high_usd is None


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(1.0, 1.0, "$1.00"), (1.0, 2500.5, "$1.00 to $2,500.50"), (None, None, "of unknown price")],
)
def test_the_money_is_said_in_a_few_words(low: float | None, high: float | None, said: str) -> None:
    assert CostEstimate(low, high, None, None, "").describe() == said
