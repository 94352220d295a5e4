"""The tax sample: its figures by another route, its grader's partial credit, the exploits it refuses."""

from __future__ import annotations

import json
import runpy
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "tax"
FULL = ("train", "validation", "test")
LOCAL = tuple(f"local-{split}" for split in FULL)
RULES = runpy.run_path(str(SAMPLE / "rules.py"))
GRADE = runpy.run_path(str(SAMPLE / "grader.py"))["grade"]
FULL_ITEM = {"answer": {"agi": 100_000, "taxable_income": 80_000, "tax": 12_000}}


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLE / f"{name}.jsonl").read_text("utf-8").splitlines()]


def grade(answer: Any, item: dict[str, Any] | None = None) -> float:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    reward: float = GRADE({"output_text": text}, item or FULL_ITEM)
    return reward


def tax_by_tables(income: Fraction, tops: tuple[int, ...]) -> Fraction:
    """The base-plus-percentage form of the schedules, not bracket by bracket."""
    base, below = Fraction(0), 0
    for rate, top in zip(RULES["RATES"], (*tops, 10**9), strict=True):
        if income <= top:
            return base + (income - below) * Fraction(rate, 100)
        base, below = base + (top - below) * Fraction(rate, 100), top
    raise AssertionError


@pytest.mark.parametrize("name", FULL)
def test_every_figure_equals_another_way_to_compute_it(name: str) -> None:
    for row in rows(name):
        facts, answer = row["facts"], row["answer"]
        schedule = RULES["SCHEDULES"][facts["year"], facts["status"]]
        assert answer["agi"] == facts["wages"] + facts["interest"] + facts["gain"]
        assert answer["taxable_income"] == answer["agi"] - schedule.deduction
        ordinary = Fraction(answer["taxable_income"] - facts["gain"])
        zero_top, fifteen_top = schedule.gain_tops
        assert answer["taxable_income"] <= fifteen_top
        at_fifteen = min(facts["gain"], max(0, answer["taxable_income"] - zero_top))
        exact = tax_by_tables(ordinary, schedule.tops) + Fraction(15, 100) * at_fifteen
        assert abs(answer["tax"] - exact) <= Fraction(1, 2)


def test_a_gain_above_the_last_threshold_is_taxed_at_twenty_percent() -> None:
    result = RULES["work_out"](2024, "single", ordinary=14_600, gain=600_000)
    assert result.tax == round(0.15 * (518_900 - 47_025) + 0.20 * (600_000 - 518_900))


@pytest.mark.parametrize("name", FULL)
def test_no_computed_figure_stands_in_its_prompt(name: str) -> None:
    for row in rows(name):
        text = row["messages"][-1]["content"]
        assert f"{row['answer']['tax']:,}" not in text
        assert f"{row['answer']['taxable_income']:,}" not in text


@pytest.mark.parametrize("names", [FULL, LOCAL])
def test_no_wages_stand_in_two_splits(names: tuple[str, ...]) -> None:
    wages = [{row["facts"]["wages"] for row in rows(name)} for name in names]
    assert sum(map(len, wages)) == len(set().union(*wages))


@pytest.mark.parametrize("name", [*FULL, *LOCAL])
def test_every_tier_occurs_in_every_split(name: str) -> None:
    tiers = [row["tier"] for row in rows(name)]
    assert all(tiers.count(tier) >= 0.15 * len(tiers) for tier in (1, 2, 3, 4))


@pytest.mark.parametrize(
    ("change", "reward"),
    [
        ({}, 1.0),
        ({"tax": 12_010}, 1.0),
        ({"tax": 12_100}, 0.75),
        ({"tax": 15_000}, 0.5),
        ({"taxable_income": 80_500}, 0.85),
        ({"agi": 100_500}, 0.8),
        ({"agi": 100_500, "taxable_income": 99_000, "tax": 1}, 0.0),
    ],
)
def test_each_figure_earns_its_own_weight(change: dict[str, int], reward: float) -> None:
    assert grade(FULL_ITEM["answer"] | change) == pytest.approx(reward)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "[]",
        '{"agi": 100000, "taxable_income": 80000, "tax": 12000} is my answer',
        '{"tax": 1, "agi": 100000, "taxable_income": 80000, "tax": 12000}',
        '{"agi": NaN, "taxable_income": NaN, "tax": NaN}',
        {"agi": "100000", "taxable_income": "80000", "tax": "12000"},
        {"agi": [100_000], "taxable_income": [80_000], "tax": [12_000]},
        {"agi": True, "taxable_income": True, "tax": True},
        {"agi": 100_000, "taxable_income": 80_000, "tax": 12_000, "note": 1},
    ],
)
def test_what_is_not_exactly_three_numbers_earns_nothing(answer: Any) -> None:
    assert grade(answer) == 0.0


def test_the_lambda_function_carries_the_grader_as_it_is() -> None:
    from rftctl.commands.draft import lambda_source

    source = (SAMPLE / "grader.py").read_text("utf-8")
    written = (SAMPLE / "lambda_function.py").read_text("utf-8")
    assert lambda_source({"type": "python", "source": source}) == written
