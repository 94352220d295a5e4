"""Figures over grades, against numbers worked out by hand and scipy's rank correlation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from rftctl.graders.base import Grade, TokenUsage
from rftctl.graders.figures import (
    partial_credit,
    rank_correlation,
    repeat_of,
    spread_of,
    sub_graders,
    times_of,
)


def test_shares_at_the_floor_and_the_ceiling_are_counted():
    spread = spread_of([0.0, 0.0, 0.5, 1.0])
    assert (spread.floor_share, spread.ceiling_share, spread.n_levels) == (0.5, 0.25, 3)


def test_a_grader_that_always_says_the_same_is_all_floor_and_all_ceiling():
    spread = spread_of([0.3, 0.3])
    assert (spread.floor_share, spread.ceiling_share, spread.n_levels) == (1.0, 1.0, 1)


def test_partial_credit_counts_rows_between_and_steps_backward():
    partial = partial_credit([[0, 0.25, 0.5, 0.75, 1], [0, 0, 0, 0, 1], [0, 0.5, 0.25, 0.75, 1]])
    assert partial.between_share == pytest.approx(2 / 3)
    assert partial.backward_share == pytest.approx(1 / 12)
    assert partial.mean_rewards[2] == pytest.approx(0.25)


def test_no_rows_with_parts_give_no_figures():
    assert partial_credit([]).n_rows == 0


def test_two_gradings_are_compared_by_change_and_by_side():
    first, second = [Grade(0.0), Grade(0.4), Grade(1.0)], [Grade(0.0), Grade(0.6), Grade(0.9)]
    repeat = repeat_of(first, second, middle=0.5)
    assert (repeat.flip_share, repeat.same_side_share) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert repeat.mean_change == pytest.approx(0.1)


def test_a_judge_is_known_by_the_tokens_it_spent():
    graded = [Grade(1.0, token_usage={"m": TokenUsage(3, 1)})]
    assert repeat_of(graded, graded, 0.5).is_judge
    assert not repeat_of([Grade(1.0)], [Grade(1.0)], 0.5).is_judge


def multi(rows):
    return [Grade(total, sub_rewards={"a": a, "b": b}) for total, a, b in rows]


def test_the_sub_grader_that_orders_as_the_whole_does_is_dominant():
    grades = multi([(0.9, 0.9, 0.5), (0.5, 0.5, 0.9), (0.1, 0.1, 0.7)])
    found = sub_graders(grades, [1, 1, 1])
    assert found.dominant == "a"
    assert found.graders[0].correlation == pytest.approx(1.0)
    assert found.graders[1].decides_share == pytest.approx(1 / 3)


def test_two_that_order_alike_share_the_decision_and_are_correlated():
    found = sub_graders(multi([(2, 1, 1), (0, 0, 0)]), [1, 1])
    assert found.dominant is None
    assert found.correlations == (("a", "b", pytest.approx(1.0)),)


def test_outputs_of_different_rows_are_not_ordered_against_each_other():
    assert sub_graders(multi([(1, 1, 0), (0, 0, 1)]), [1, 2]).graders[0].decides_share == 0.0


def test_a_failed_sub_grader_leaves_its_output_out():
    grades = [*multi([(1, 1, 0)]), Grade(None, sub_rewards={"a": None, "b": 1.0})]
    assert sub_graders(grades, [1, 1]).graders[0].mean == 1.0


def test_a_grader_without_parts_has_no_sub_graders():
    assert sub_graders([Grade(1.0)], [1]).graders == ()


def test_times_are_percentiles_beside_the_limit():
    times = times_of([Grade(1.0, execution_time_s=n) for n in range(1, 101)], limit_s=98)
    assert (times.p50_s, times.p95_s, times.max_s, times.n_over) == (50.5, 96, 100, 2)


_numbers = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=40)


@given(_numbers)
def test_rank_correlation_is_scipys(pairs):
    ours, theirs = [float(a) for a, _ in pairs], [float(b) for _, b in pairs]
    found = rank_correlation(ours, theirs)
    if len(set(ours)) == 1 or len(set(theirs)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(spearmanr(ours, theirs).statistic, abs=1e-9)
