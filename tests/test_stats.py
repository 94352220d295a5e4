"""Intervals and verdicts, held against scipy and against what can be counted by hand."""

from __future__ import annotations

import itertools
import random
import statistics

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from rftctl import stats
from rftctl.stats import mean_interval, paired_difference, pass_at_k


def draws(seed: int, n: int) -> list[float]:
    """Rewards as graders give them: many zeros, many ones, some between."""
    rng = random.Random(seed)
    return [rng.choice([0.0, 0.0, 1.0, rng.random()]) for _ in range(n)]


@pytest.mark.parametrize(("seed", "n"), [(1, 25), (2, 60), (3, 200)])
def test_the_interval_agrees_with_scipys_percentile_bootstrap(seed: int, n: int) -> None:
    rewards = draws(seed, n)
    found = mean_interval(rewards)
    oracle = scipy.stats.bootstrap(
        (np.array(rewards),), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(0)
    ).confidence_interval
    # Two bootstraps differ by their own sampling noise: a few hundredths of the interval's width.
    slack = 0.04 * (oracle.high - oracle.low)
    assert found.low == pytest.approx(oracle.low, abs=slack)
    assert found.high == pytest.approx(oracle.high, abs=slack)


def test_the_paired_interval_agrees_with_scipys_paired_bootstrap() -> None:
    base, other = draws(4, 60), draws(5, 60)
    found = paired_difference(base, other)

    def gain(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
        return np.mean(b - a, axis=axis)

    oracle = scipy.stats.bootstrap(
        (np.array(base), np.array(other)),
        gain,
        paired=True,
        method="percentile",
        n_resamples=20_000,
        rng=np.random.default_rng(0),
    ).confidence_interval
    slack = 0.04 * (oracle.high - oracle.low)
    assert found.interval.low == pytest.approx(oracle.low, abs=slack)
    assert found.interval.high == pytest.approx(oracle.high, abs=slack)
    assert found.difference == pytest.approx(np.mean(other) - np.mean(base))


def test_about_95_percent_of_intervals_hold_the_truth_when_nothing_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stats, "RESAMPLES", 400)
    rng = random.Random(7)
    trials, held = 300, 0
    for _ in range(trials):
        base = [float(rng.random() < 0.4) for _ in range(60)]
        other = [float(rng.random() < 0.4) for _ in range(60)]
        held += paired_difference(base, other).verdict == "tied"
    # Binomial(300, 0.95) lies within these bounds in 99.9 % of cases; the seed fixes which.
    assert 0.90 <= held / trials <= 0.985


@pytest.mark.parametrize(("shift", "verdict"), [(0.3, "better"), (-0.3, "worse"), (0.0, "tied")])
def test_the_verdict_follows_the_sign_of_the_interval(shift: float, verdict: str) -> None:
    rng = random.Random(3)
    base = [rng.random() for _ in range(80)]
    found = paired_difference(base, [b + shift + rng.gauss(0, 0.1) for b in base])
    assert found.verdict == verdict
    assert found.n_examples == 80


def test_equal_models_are_tied_with_an_interval_of_no_width() -> None:
    found = paired_difference([0.2, 0.8, 0.5], [0.2, 0.8, 0.5])
    assert (found.difference, found.interval.low, found.interval.high, found.verdict) == (0, 0, 0, "tied")


def test_one_example_proves_nothing() -> None:
    assert paired_difference([0.0], [1.0]).verdict == "tied"


@pytest.mark.parametrize(("base", "other"), [([], []), ([1.0], [1.0, 2.0])])
def test_sides_that_do_not_pair_are_refused(base: list[float], other: list[float]) -> None:
    with pytest.raises(ValueError, match="same examples"):
        paired_difference(base, other)


@pytest.mark.parametrize(("rewards", "value"), [([], 0.0), ([0.7], 0.7), ([0.3, 0.3, 0.3], 0.3)])
def test_an_interval_without_spread_claims_nothing_beyond_the_value(
    rewards: list[float], value: float
) -> None:
    found = mean_interval(rewards)
    assert (found.low, found.high) == (pytest.approx(value), pytest.approx(value))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(min_value=-100, max_value=100), min_size=2, max_size=20))
def test_the_interval_lies_within_the_values(rewards: list[float]) -> None:
    found = mean_interval(rewards)
    assert min(rewards) - 1e-9 <= found.low <= found.high <= max(rewards) + 1e-9


def test_a_report_repeats_to_the_last_digit() -> None:
    assert mean_interval(draws(9, 30)) == mean_interval(draws(9, 30))


@pytest.mark.parametrize("n", range(1, 8))
def test_pass_at_k_is_the_share_of_subsets_with_a_pass(n: int) -> None:
    for passed, k in itertools.product(range(n + 1), range(1, n + 1)):
        outcomes = [True] * passed + [False] * (n - passed)
        subsets = list(itertools.combinations(outcomes, k))
        assert pass_at_k(n, passed, k) == pytest.approx(statistics.fmean(any(s) for s in subsets))
