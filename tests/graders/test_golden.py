"""Every row of golden.jsonl: a grader, a sample, an item, and the reward or flag that a source names."""

import json
from pathlib import Path

import pytest

from rftctl import graders
from rftctl.graders import build_grader
from rftctl.graders.base import ERROR_FLAGS
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


NEVER = {"truncated_observation_error", "unresponsive_reward_error"}
ELSEWHERE = {
    # Only a judge, a broken sandbox or a broken metric raises these: tests of their own provoke them.
    "other_error",
    "python_grader_server_error",
    "model_grader_server_error",
    "model_grader_refusal_error",
    "model_grader_parse_error",
}


def test_every_flag_is_in_the_table_of_assumptions_and_raised_as_it_says():
    table = dict(line.strip("| ").split(" | ") for line in graders.__doc__.splitlines() if "_error |" in line)
    assert tuple(table) == ERROR_FLAGS
    assert {flag for flag, said in table.items() if said.startswith("never")} == NEVER
    raised = {row["expect"]["error"] for row in ROWS if "error" in row["expect"]}
    assert raised == set(ERROR_FLAGS) - NEVER - ELSEWHERE


def test_no_code_raises_the_flags_that_are_never_raised():
    folder = Path(graders.__file__).parent
    texts = [path.read_text() for path in folder.glob("*.py") if path.name not in ("base.py", "__init__.py")]
    assert not any(flag in text for flag in NEVER for text in texts)
