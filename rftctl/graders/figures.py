"""What a pile of grades says about the grader that gave them.

In: rewards of outputs whose worth is known, their sub-rewards and times. Out: shares, rank correlations
and percentiles. Rank correlation is Spearman's, with mean ranks for ties.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rftctl.graders.base import Grade

PLATFORM_LIMIT_S = 120.0
"""The longest a hosted python grader may take for one sample, seconds (graders guide: 2 minutes)."""

_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Spread:
    """How rewards use their scale.

    Attributes:
        floor_share, ceiling_share: share of outputs at the lowest and at the highest reward seen.
        n_levels: how many different rewards there were.
    """

    floor_share: float
    ceiling_share: float
    n_levels: int


@dataclass(frozen=True, slots=True)
class PartialCredit:
    """What outputs earn that are a quarter, half and three quarters right.

    Attributes:
        n_rows: rows whose answer has parts that can be right one by one.
        mean_rewards: mean reward at 0, 1/4, 1/2, 3/4 and all of the answer right; empty for no rows.
        between_share: share of rows where some partly right output earns more than the wrong answer
            and less than the right one.
        backward_share: share of steps towards the right answer at which the reward falls.
    """

    n_rows: int
    mean_rewards: tuple[float, ...]
    between_share: float
    backward_share: float


@dataclass(frozen=True, slots=True)
class Repeat:
    """How a second grading of the same outputs agrees with the first.

    Attributes:
        n: outputs graded twice.
        flip_share: share whose reward changed at all.
        same_side_share: share that stayed on its side of the middle between wrong and right.
        mean_change: mean absolute change of the reward.
        is_judge: whether a model graded, so that small changes are its nature.
    """

    n: int
    flip_share: float
    same_side_share: float
    mean_change: float
    is_judge: bool


@dataclass(frozen=True, slots=True)
class SubGrader:
    """One grader of a multi.

    Attributes:
        mean: its mean reward.
        correlation: rank correlation with the multi's reward; None where either never changes.
        decides_share: share of pairs of outputs to one row, unequal to the multi, that it orders likewise.
    """

    key: str
    mean: float
    correlation: float | None
    decides_share: float


@dataclass(frozen=True, slots=True)
class SubGraders:
    """The graders of a multi against its reward and against each other.

    Attributes:
        correlations: (key, key, rank correlation or None) for each two of them.
        dominant: the one that orders outputs as the multi does at least `DOMINANT` of the time while no
            other does, or None.
    """

    graders: tuple[SubGrader, ...] = ()
    correlations: tuple[tuple[str, str, float | None], ...] = ()
    dominant: str | None = None


DOMINANT = 0.95


@dataclass(frozen=True, slots=True)
class Times:
    """How long one grading takes, seconds, beside the platform's limit.

    Attributes:
        n_over: gradings that took longer than the limit.
    """

    p50_s: float
    p95_s: float
    max_s: float
    limit_s: float
    n_over: int


def spread_of(rewards: Sequence[float]) -> Spread:
    """Tell how rewards use their scale; no rewards give zeros."""
    if not rewards:
        return Spread(0.0, 0.0, 0)
    low, high = min(rewards), max(rewards)
    n_levels = len({round(reward, 9) for reward in rewards})
    at_low = sum(reward <= low + _SAME for reward in rewards)
    at_high = sum(reward >= high - _SAME for reward in rewards)
    return Spread(at_low / len(rewards), at_high / len(rewards), n_levels)


def partial_credit(ladders: Sequence[Sequence[float]]) -> PartialCredit:
    """Tell how rewards rise from wrong to right.

    Args:
        ladders: per row, the rewards at 0, 1/4, 1/2, 3/4 and all of the answer right.
    """
    if not ladders:
        return PartialCredit(0, (), 0.0, 0.0)
    means = tuple(statistics.fmean(step) for step in zip(*ladders, strict=True))
    between = sum(any(row[0] + _SAME < reward < row[-1] - _SAME for reward in row[1:-1]) for row in ladders)
    steps = [(low, high) for row in ladders for low, high in pairwise(row)]
    backward = sum(high < low - _SAME for low, high in steps)
    return PartialCredit(len(ladders), means, between / len(ladders), backward / len(steps))


def repeat_of(first: Sequence[Grade], second: Sequence[Grade], middle: float) -> Repeat:
    """Compare two gradings of the same outputs.

    Args:
        middle: the reward halfway between wrong and right.
    """
    is_judge = any(grade.token_usage for grade in first)
    pairs = [(a.earned, b.earned) for a, b in zip(first, second, strict=True)]
    if not pairs:
        return Repeat(0, 0.0, 1.0, 0.0, is_judge)
    changes = [abs((a or 0.0) - (b or 0.0)) for a, b in pairs]
    same_side = sum(((a or 0.0) >= middle) == ((b or 0.0) >= middle) for a, b in pairs)
    n = len(pairs)
    return Repeat(n, sum(a != b for a, b in pairs) / n, same_side / n, statistics.fmean(changes), is_judge)


def sub_graders(grades: Sequence[Grade], lines: Sequence[int]) -> SubGraders:
    """Tell which grader of a multi decides; empty for another grader.

    Args:
        lines: the row that each grade's output answers.
    """
    known = [(grade, line) for grade, line in zip(grades, lines, strict=True) if _is_whole(grade)]
    if not known:
        return SubGraders()
    totals = [grade.reward or 0.0 for grade, _ in known]
    columns = {key: [grade.sub_rewards[key] or 0.0 for grade, _ in known] for key in known[0][0].sub_rewards}
    pairs = _unequal_pairs(totals, [line for _, line in known])
    graders = tuple(
        SubGrader(key, statistics.fmean(values), rank_correlation(values, totals), _agreement(values, pairs))
        for key, values in columns.items()
    )
    correlations = tuple(
        (a, b, rank_correlation(columns[a], columns[b])) for a, b in combinations(columns, 2)
    )
    deciding = [grader.key for grader in graders if grader.decides_share >= DOMINANT]
    return SubGraders(graders, correlations, deciding[0] if len(deciding) == 1 < len(graders) else None)


def times_of(grades: Sequence[Grade], limit_s: float = PLATFORM_LIMIT_S) -> Times:
    """Tell how long one grading takes; no grades give zeros."""
    seconds = sorted(grade.execution_time_s for grade in grades)
    if not seconds:
        return Times(0.0, 0.0, 0.0, limit_s, 0)
    p95 = seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))]
    n_over = sum(taken > limit_s for taken in seconds)
    return Times(statistics.median(seconds), p95, seconds[-1], limit_s, n_over)


def rank_correlation(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """Give Spearman's rank correlation, or None where one side never changes."""
    try:
        return statistics.correlation(_ranks(ours), _ranks(theirs))
    except statistics.StatisticsError:
        return None


def _ranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks, start = [0.0] * len(values), 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for place in order[start : end + 1]:
            ranks[place] = (start + end) / 2
        start = end + 1
    return ranks


def _is_whole(grade: Grade) -> bool:
    return bool(grade.sub_rewards) and grade.reward is not None and None not in grade.sub_rewards.values()


def _unequal_pairs(totals: Sequence[float], lines: Sequence[int]) -> list[tuple[int, int]]:
    by_line: dict[int, list[int]] = {}
    for place, line in enumerate(lines):
        by_line.setdefault(line, []).append(place)
    pairs = (pair for places in by_line.values() for pair in combinations(places, 2))
    ordered = ((a, b) if totals[a] > totals[b] else (b, a) for a, b in pairs)
    return [(high, low) for high, low in ordered if totals[high] > totals[low] + _SAME]


def _agreement(values: Sequence[float], pairs: Sequence[tuple[int, int]]) -> float:
    return sum(values[high] > values[low] + _SAME for high, low in pairs) / len(pairs) if pairs else 0.0
