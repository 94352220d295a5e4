"""The curve: the same points whatever order, repetition or gap the events come with."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rftctl.curve import RewardCurve
from rftctl.wire import JobEvent


def metrics(
    step: int, train: float | None = None, *, valid: float | None = None, at: int | None = None
) -> JobEvent:
    scores: dict[str, Any] = {"train_reward_mean": train, "valid_reward_mean": valid}
    data = {
        "step": step,
        "total_steps": 9,
        "scores": scores,
        "rftctl": {"zero_spread_share": 0.5, "reward_std": 0.1},
    }
    when = step if at is None else at
    return JobEvent(f"e{step}-{when}", when, "info", "", "metrics", data)


@given(st.permutations([metrics(n, n / 10, valid=n / 20) for n in range(1, 9)]))
def test_the_order_of_the_events_does_not_matter(events: list[JobEvent]) -> None:
    curve = RewardCurve.from_events(events)
    assert [p.step for p in curve.split("train")] == list(range(1, 9))
    assert [p.reward_mean for p in curve.split("valid")] == [n / 20 for n in range(1, 9)]


def test_repeated_events_make_no_second_point() -> None:
    events = [metrics(1, 0.1), metrics(2, 0.2)] * 3
    assert len(RewardCurve.from_events(events).points) == 2


def test_a_resumed_step_replaces_the_one_that_was_lost() -> None:
    events = [metrics(1, 0.1, at=1), metrics(2, 0.2, at=2), metrics(2, 0.9, at=5)]
    random.Random(1).shuffle(events)
    assert [p.reward_mean for p in RewardCurve.from_events(events).split("train")] == [0.1, 0.9]


def test_missing_steps_are_named() -> None:
    curve = RewardCurve.from_events([metrics(2, 0.1), metrics(5, 0.1)])
    assert curve.missing_steps() == (1, 3, 4)
    assert curve.last_step == 5


def test_a_curve_without_gaps_misses_nothing() -> None:
    assert RewardCurve.from_events([metrics(n, 0.1) for n in (1, 2, 3)]).missing_steps() == ()


def test_a_step_whose_every_grade_failed_has_no_point() -> None:
    curve = RewardCurve.from_events([metrics(1, None), metrics(2, 0.0)])
    assert [(p.step, p.reward_mean) for p in curve.points] == [(2, 0.0)]


def test_messages_and_steps_without_a_number_are_left_out() -> None:
    message = JobEvent("m", 1, "info", "hello", "message", {"step": 1, "train_mean_reward": 0.5})
    stepless = JobEvent("s", 1, "info", "", "metrics", {"train_mean_reward": 0.5})
    assert RewardCurve.from_events([message, stepless]).points == ()


def test_shares_belong_to_the_split_they_were_measured_on() -> None:
    train, valid = RewardCurve.from_events([metrics(1, 0.5, valid=0.4)]).points
    assert (train.split, train.zero_spread_share, train.reward_std) == ("train", 0.5, 0.1)
    assert (valid.split, valid.zero_spread_share, valid.reward_std) == ("valid", None, None)


def test_sub_rewards_are_read_by_grader_and_zero_is_kept() -> None:
    graders = [{"name": "a", "train_reward_mean": 0.0}, {"name": "b", "train_reward_mean": None}]
    data = {"step": 1, "scores": {"train_reward_mean": 0.3, "graders": graders}}
    curve = RewardCurve.from_events([JobEvent("e", 1, "info", "", "metrics", data)])
    assert curve.points[0].sub_rewards == {"a": 0.0}


def test_an_empty_history_is_an_empty_curve() -> None:
    curve = RewardCurve.from_events([])
    assert (curve.points, curve.last_step, curve.missing_steps(), curve.total_steps) == ((), 0, (), None)


@pytest.mark.parametrize(
    "odd",
    [{"rftctl": "text"}, {"scores": [1]}, {"scores": {"graders": {"a": 1}}}, {"scores": {"graders": ["a"]}}],
)
def test_odd_parts_of_an_event_do_not_hide_its_reward(odd: dict[str, Any]) -> None:
    event = JobEvent("e", 1, "info", "", "metrics", {"step": 1, "train_mean_reward": 0.5, **odd})
    assert [p.reward_mean for p in RewardCurve.from_events([event]).points] == [0.5]


def test_the_json_form_keeps_every_field() -> None:
    rows = RewardCurve.from_events([metrics(1, 0.5)]).to_json()
    assert rows[0]["step"] == 1
    assert set(rows[0]) == {
        "step",
        "split",
        "reward_mean",
        "reward_std",
        "sub_rewards",
        "zero_spread_share",
        "truncated_share",
        "completion_tokens_mean",
    }
