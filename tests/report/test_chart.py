"""The curve as text: inside its box, in plain ASCII where need be, and never a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rftctl.curve import RewardCurve, RewardPoint
from rftctl.report.chart import draw_curve
from tests.report.examples import make_curve

if TYPE_CHECKING:
    from collections.abc import Callable


def plain(text: str) -> str:
    from rich.text import Text

    return Text.from_ansi(text).plain


def test_chart(matches: Callable[[str], None]) -> None:
    matches(plain(draw_curve(make_curve(), width=80, height=12)))


def test_chart_in_ascii(matches: Callable[[str], None]) -> None:
    matches(plain(draw_curve(make_curve(), width=80, height=12, ascii_only=True)))


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_chart_stays_in_its_box(width: int, ascii_only: bool) -> None:
    lines = plain(draw_curve(make_curve(), width=width, height=12, ascii_only=ascii_only)).splitlines()
    assert max(len(line) for line in lines) <= width
    assert len(lines) <= 12
    assert "".join(lines).isascii() or not ascii_only


def test_without_points_there_is_no_chart() -> None:
    assert draw_curve(RewardCurve(()), width=80) == ""


@pytest.mark.parametrize(
    "rewards", [[0.0], [0.5], [0.0, 0.0], [-3.0, 5.0], [1e6, 2e6], [0.5, 0.5, 0.5], [1e-9, 2e-9], [-1.0]]
)
def test_any_rewards_can_be_drawn(rewards: list[float]) -> None:
    points = tuple(RewardPoint(n, "train", r) for n, r in enumerate(rewards, 1))
    assert "step" in plain(draw_curve(RewardCurve(points), width=80))


def test_a_run_with_validation_only_can_be_drawn() -> None:
    assert "step" in plain(draw_curve(RewardCurve((RewardPoint(5, "valid", 0.5),)), width=80))
