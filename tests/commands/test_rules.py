"""Watch rules: each fires when its patience is reached, and not one step earlier."""

from __future__ import annotations

from typing import Any

import pytest

from rftctl.commands.rules import check_rules
from rftctl.cost import CostEstimate
from rftctl.curve import RewardCurve, RewardPoint
from rftctl.spec import RunSpec

FREE = CostEstimate(0.0, 0.0, None, None, "")


def make_spec(*rules: dict[str, Any], **budget: Any) -> RunSpec:
    return RunSpec.model_validate_json(
        RunSpec.model_validate(
            {"version": 1, "name": "x", "provider": "local", "model": "m", "training_file": "t", "grader": {}}
        ).model_dump_json()
    ).model_copy(update=_parts(rules, budget))


def _parts(rules: tuple[dict[str, Any], ...], budget: dict[str, Any]) -> dict[str, Any]:
    from rftctl.spec.model import Budget, Watch, WatchRule

    return {
        "watch": Watch(rules=tuple(WatchRule.model_validate(rule) for rule in rules)),
        "budget": Budget.model_validate(budget),
    }


def valid(*rewards: float) -> list[RewardPoint]:
    return [RewardPoint(5 * n, "valid", reward) for n, reward in enumerate(rewards, 1)]


def train(*shares: float | None, name: str = "zero_spread_share") -> list[RewardPoint]:
    return [RewardPoint(n, "train", 0.5, **{name: share}) for n, share in enumerate(shares, 1)]  # type: ignore[arg-type]


def fired(
    spec: RunSpec, points: list[RewardPoint], idle_s: float = 0.0, cost: CostEstimate = FREE
) -> list[str]:
    return [alert.rule for alert in check_rules(spec, RewardCurve(tuple(points)), cost, idle_s)]


def test_no_rule_means_no_alert() -> None:
    assert fired(make_spec(), valid(0.5, 0.1, 0.1, 0.1, 0.1), idle_s=1e9) == []


@pytest.mark.parametrize(
    ("rewards", "holds"),
    [
        ([0.5, 0.5], False),
        ([0.5, 0.5, 0.5], False),
        ([0.5, 0.5, 0.5, 0.5], True),
        ([0.5, 0.4, 0.3, 0.2], True),
        ([0.5, 0.5, 0.5, 0.51], False),
        ([0.5, 0.51, 0.5, 0.5], False),
        ([0.5, 0.501, 0.502, 0.503], True),
        ([0.1, 0.5, 0.5, 0.5], False),
        ([0.1, 0.5, 0.5, 0.5, 0.5], True),
        ([], False),
    ],
)
def test_a_plateau_lasts_patience_evaluations_without_a_new_best(rewards: list[float], holds: bool) -> None:
    spec = make_spec({"when": "plateau", "patience": 3})
    assert (fired(spec, valid(*rewards)) == ["plateau"]) is holds


@pytest.mark.parametrize(
    ("rule", "name", "limit"),
    [("zero_spread", "zero_spread_share", 0.9), ("truncation", "truncated_share", 0.5)],
)
def test_a_share_must_stay_high_for_patience_steps(rule: str, name: str, limit: float) -> None:
    spec = make_spec({"when": rule, "patience": 3})
    assert fired(spec, train(limit, limit, name=name)) == []
    assert fired(spec, train(limit, limit, limit, name=name)) == [rule]
    assert fired(spec, train(limit, limit - 0.01, limit, name=name)) == []
    assert fired(spec, train(0.0, limit, 1.0, limit, name=name)) == [rule]
    assert fired(spec, train(limit, None, limit, name=name)) == []


def gapped(*gaps: float) -> list[RewardPoint]:
    points = valid(*[0.3] * len(gaps))
    return [*points, *[RewardPoint(p.step, "train", 0.3 + gap) for p, gap in zip(points, gaps, strict=True)]]


@pytest.mark.parametrize(
    ("gaps", "holds"),
    [
        ([0.2], False),
        ([0.2, 0.2], True),
        ([0.2, 0.09], False),
        ([0.0, 0.2, 0.2], True),
        ([-0.2, -0.2], False),
    ],
)
def test_divergence_needs_a_gap_at_each_of_the_last_evaluations(gaps: list[float], holds: bool) -> None:
    spec = make_spec({"when": "divergence", "patience": 2})
    assert (fired(spec, gapped(*gaps)) == ["divergence"]) is holds


@pytest.mark.parametrize(("idle_s", "holds"), [(1199.0, False), (1200.0, False), (1201.0, True)])
def test_a_stall_is_ten_minutes_of_silence_per_patience(idle_s: float, holds: bool) -> None:
    spec = make_spec({"when": "stalled", "patience": 2})
    assert (fired(spec, [], idle_s=idle_s) == ["stalled"]) is holds


@pytest.mark.parametrize(
    ("spent", "holds"), [(4.99, False), (5.0, True), (9.0, True), (None, False), (float("nan"), True)]
)
def test_the_budget_is_reached_when_it_is_spent(spent: float | None, holds: bool) -> None:
    cost = CostEstimate(spent, spent, 1.0, 1.0, "")
    assert (fired(make_spec(max_usd=5.0), [], cost=cost) == ["budget"]) is holds


def test_an_alert_says_what_follows() -> None:
    spec = make_spec({"when": "plateau", "patience": 1, "then": "cancel"}, max_usd=1.0, on_limit="pause")
    alerts = check_rules(spec, RewardCurve(tuple(valid(0.5, 0.5))), CostEstimate(2.0, 2.0, 1.0, 1.0, ""), 0)
    assert [(alert.rule, alert.then) for alert in alerts] == [("plateau", "cancel"), ("budget", "pause")]
    assert "0.500" in alerts[0].message
    assert "$2.00 of $1.00" in alerts[1].message
