"""Intervals and comparisons that a decision may rest on.

In: rewards, one per example (average the samples of an example first: they are not independent).
Out: `Interval`, `Difference`. Bootstrap percentile intervals, 95 %, seeded so that a report repeats.
Source: Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13; paired by resampling examples.
"""

from __future__ import annotations

import random
import statistics
from dataclasses import dataclass
from math import comb, fsum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

RESAMPLES = 10_000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval, both ends included."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better `other` is than `base` on the same examples.

    Attributes:
        verdict: "better" or "worse" when the interval excludes 0, else "tied".
    """

    difference: float
    interval: Interval
    n_examples: int
    verdict: str


def mean_interval(rewards: Sequence[float]) -> Interval:
    """Bootstrap the mean; a single value or none gives an interval that claims nothing beyond it."""
    if len(rewards) < 2:
        value = rewards[0] if rewards else 0.0
        return Interval(value, value)
    means = _resampled_means(rewards)
    return Interval(_quantile(means, (1 - CONFIDENCE) / 2), _quantile(means, (1 + CONFIDENCE) / 2))


def paired_difference(base: Sequence[float], other: Sequence[float]) -> Difference:
    """Compare two models on the same examples, in the same order.

    Raises:
        ValueError: the two sides have different lengths, or none at all.
    """
    if len(base) != len(other) or not base:
        raise ValueError("a paired comparison needs the same examples on both sides")
    differences = [b - a for a, b in zip(base, other, strict=True)]
    interval = mean_interval(differences)
    verdict = "tied"
    if len(differences) > 1:
        verdict = "better" if interval.low > 0 else "worse" if interval.high < 0 else "tied"
    return Difference(statistics.fmean(differences), interval, len(differences), verdict)


def pass_at_k(n_samples: int, n_passed: int, k: int) -> float:
    """Estimate without bias the chance that one of k samples passes (Chen et al. 2021, equation 1)."""
    if n_samples - n_passed < k:
        return 1.0
    return 1.0 - comb(n_samples - n_passed, k) / comb(n_samples, k)


def _resampled_means(values: Sequence[float]) -> list[float]:
    draw, n = random.Random(0).choices, len(values)  # noqa: S311 - a bootstrap, not a secret
    return sorted(fsum(draw(values, k=n)) / n for _ in range(RESAMPLES))


def _quantile(ordered: Sequence[float], share: float) -> float:
    at = share * (len(ordered) - 1)
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)
