"""When a running job deserves attention.

In: the spec's watch rules and budget, the reward curve so far. Out: `Alert`s, each with what should follow.
Thresholds follow Microsoft's RFT guide: a train-validation gap above 0.10 is a reason to stop, and groups
without spread teach nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rftctl.cost import CostEstimate
    from rftctl.curve import RewardCurve, RewardPoint
    from rftctl.spec import RunSpec, WatchRule

ZERO_SPREAD_LIMIT = 0.9
TRUNCATION_LIMIT = 0.5
GAP_LIMIT = 0.10
MIN_GAIN = 0.005
STALL_S_PER_PATIENCE = 600.0


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule that holds: what it saw, and what the user wants to follow (alert, pause, cancel)."""

    rule: str
    message: str
    then: str


def check_rules(spec: RunSpec, curve: RewardCurve, cost: CostEstimate, idle_s: float) -> list[Alert]:
    """Return every rule that holds now.

    Args:
        idle_s: seconds since the newest event arrived.
    """
    alerts = [
        Alert(rule.when, message, rule.then)
        for rule in spec.watch.rules
        if (message := _holds(rule, curve, idle_s)) is not None
    ]
    budget = spec.budget
    # Written so that a NaN counts as spent: `nan >= cap` is False.
    if budget.max_usd is not None and cost.high_usd is not None and not cost.high_usd < budget.max_usd:
        message = f"spent {cost.describe()} of ${budget.max_usd:,.2f}"
        alerts.append(Alert("budget", message, budget.on_limit))
    return alerts


def _holds(rule: WatchRule, curve: RewardCurve, idle_s: float) -> str | None:
    train, valid = curve.split("train"), curve.split("valid")
    match rule.when:
        case "plateau":
            return _plateau(valid, rule.patience)
        case "zero_spread":
            return _share_above(train, "zero_spread_share", ZERO_SPREAD_LIMIT, rule.patience)
        case "truncation":
            return _share_above(train, "truncated_share", TRUNCATION_LIMIT, rule.patience)
        case "divergence":
            return _divergence(curve, rule.patience)
        case "stalled":
            limit = rule.patience * STALL_S_PER_PATIENCE
            return f"nothing heard for {idle_s / 60:.0f} minutes" if idle_s > limit else None


def _plateau(valid: Sequence[RewardPoint], patience: int) -> str | None:
    if len(valid) <= patience:
        return None
    before = max(point.reward_mean for point in valid[:-patience])
    since = max(point.reward_mean for point in valid[-patience:])
    if since - before >= MIN_GAIN:
        return None
    return f"validation reward has not risen above {before:.3f} for {patience} evaluations"


def _share_above(train: Sequence[RewardPoint], name: str, limit: float, patience: int) -> str | None:
    recent = [getattr(point, name) for point in train[-patience:]]
    if len(recent) < patience or not all(share is not None and share >= limit for share in recent):
        return None
    return f"{name.replace('_', ' ')} has been {min(recent):.0%} or more for {patience} steps"


def _divergence(curve: RewardCurve, patience: int) -> str | None:
    train = {point.step: point.reward_mean for point in curve.split("train")}
    recent = curve.split("valid")[-patience:]
    gaps = [train[point.step] - point.reward_mean for point in recent if point.step in train]
    if len(gaps) < patience or min(gaps) <= GAP_LIMIT:
        return None
    return f"training reward has been {min(gaps):.2f} or more above validation for {patience} evaluations"
