import pytest

from rftctl.dataset import Sample
from rftctl.graders import build_grader

EXACT = {
    "type": "string_check",
    "name": "exact",
    "input": "{{sample.output_json.code}}",
    "reference": "{{item.code}}",
    "operation": "eq",
}
BRIEF = {**EXACT, "name": "brief", "input": "{{sample.output_text}}"}


def multi(formula="0.5*exact + 0.5*brief", **graders):
    graders = graders or {"exact": EXACT, "brief": BRIEF}
    return build_grader({"type": "multi", "name": "m", "graders": graders, "calculate_output": formula})


def test_sub_rewards_carry_the_keys_and_not_the_inner_names(make_sample):
    [grade] = multi("a", a=EXACT).grade_batch([(make_sample('{"code": "K1"}'), {"code": "K1"})])
    assert grade.sub_rewards == {"a": 1.0}


def test_a_failed_grader_leaves_no_reward_but_the_others_sub_rewards(make_sample):
    [grade] = multi().grade_batch([(make_sample("K1"), {"code": "K1"})])
    assert (grade.reward, grade.sub_rewards) == (None, {"exact": None, "brief": 1.0})


def test_an_output_that_cannot_be_read_earned_nothing_in_a_multi_too(make_sample):
    [grade] = multi().grade_batch([(make_sample("K1"), {"code": "K1"})])
    assert grade.earned == 0.0


def test_a_broken_row_beside_an_unreadable_output_says_nothing(make_sample):
    [grade] = multi().grade_batch([(make_sample("K1"), {})])
    assert grade.earned is None
    assert set(grade.errors) == {"sample_parse_error", "invalid_variable_error"}


def test_flags_come_in_the_apis_order_and_name_the_grader(make_sample):
    [grade] = multi().grade_batch([(make_sample("K1"), {})])
    assert grade.errors == ("sample_parse_error", "invalid_variable_error")
    assert grade.details["sample_parse_error"].startswith("exact: ")


def test_grades_come_in_the_order_of_the_samples(make_sample):
    pairs = [(make_sample(f'{{"code": "{n % 3}"}}'), {"code": "1"}) for n in range(30)]
    grades = multi("exact", exact=EXACT).grade_batch(pairs)
    assert [grade.reward for grade in grades] == [float(n % 3 == 1) for n in range(30)]


def test_an_empty_batch_gives_no_grades():
    assert multi().grade_batch([]) == []


def test_closing_a_multi_twice_closes_its_python_grader(sandbox):
    source = "def grade(sample, item):\n    return 1"
    config = {"type": "multi", "name": "m", "calculate_output": "p"}
    grader = build_grader({**config, "graders": {"p": {"type": "python", "source": source}}}, sandbox=sandbox)
    assert grader.grade_batch([(Sample("x"), {})])[0].reward == 1.0
    grader.close()
    grader.close()


@pytest.mark.parametrize(("formula", "reward"), [("min(exact, brief)", 0.0), ("max(exact, brief)", 1.0)])
def test_a_formula_joins_the_rewards(make_sample, formula, reward):
    [grade] = multi(formula).grade_batch([(make_sample('{"code": "K1"}'), {"code": "K1"})])
    assert grade.reward == reward
