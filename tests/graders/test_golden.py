"""Every row of golden.jsonl: a grader, a sample, an item, and the reward or flag that a source names."""

import json
from pathlib import Path

import pytest

from rftctl.graders import build_grader
from rftctl.graders.cases import read_sample

ROWS = [json.loads(line) for line in (Path(__file__).parent / "golden.jsonl").read_text().splitlines()]


def test_the_table_is_large_and_every_row_names_its_source():
    assert len(ROWS) >= 150
    assert len({row["id"] for row in ROWS}) == len(ROWS)
    assert all(row["source"] for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_a_golden_case_gets_its_reward_or_its_flag(row, sandbox):
    grader = build_grader(row["grader"], sandbox=sandbox)
    [grade] = grader.grade_batch([(read_sample(row["sample"]), row["item"])])
    grader.close()
    if "error" in row["expect"]:
        assert grade.reward is None
        assert grade.errors == (row["expect"]["error"],)
    else:
        assert grade.errors == ()
        assert grade.reward == pytest.approx(row["expect"]["reward"], abs=1e-12)
