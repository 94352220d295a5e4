import json

import pytest

from rftctl.dataset import ABSENT
from rftctl.errors import InvalidInputError
from rftctl.graders.base import Grade
from rftctl.graders.cases import Expectation, need_no_judge, read_cases, read_sample


@pytest.fixture
def write(tmp_path):
    def write_lines(*rows, name="cases.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write_lines


def test_a_case_carries_its_line_sample_item_and_expectation(write):
    path = write({"item": {"a": 1}, "sample": "x"}, {"item": {}, "sample": "y", "expect": {"reward": 1}})
    first, second = read_cases(path)
    assert (first.line, first.sample.output_text, first.item) == (1, "x", {"a": 1})
    assert (second.line, second.expect) == (2, Expectation(reward=1.0))


def test_a_case_may_name_a_line_of_the_training_file(write):
    rows = write({"n": 1}, {"n": 2}, {"n": 3}, name="train.jsonl")
    path = write({"line": 3, "sample": "x"}, {"line": 1, "sample": "x"})
    assert [case.item["n"] for case in read_cases(path, rows=rows)] == [3, 1]


@pytest.mark.parametrize(
    ("case", "code", "said"),
    [
        ({"sample": "x"}, "RFT380", "either 'item' or 'line'"),
        ({"item": {}, "line": 1, "sample": "x"}, "RFT380", "either 'item' or 'line'"),
        ({"item": {}}, "RFT380", "needs a 'sample'"),
        ({"item": [], "sample": "x"}, "RFT380", "'item' is a list"),
        ({"item": {}, "sample": 3}, "RFT380", "'sample' is a number"),
        ({"item": {}, "sample": {"output": "x"}}, "RFT380", "'sample' has no 'output'"),
        ({"item": {}, "sample": {"output_text": 3}}, "RFT380", "needs a string as output_text"),
        ({"item": {}, "sample": "x", "expected": 1}, "RFT380", "a case has no 'expected'"),
        ({"item": {}, "sample": "x", "expect": 1}, "RFT380", "nothing that can be checked"),
        (
            {"item": {}, "sample": "x", "expect": {"reward": 1, "min": 0}},
            "RFT380",
            "nothing that can be checked",
        ),
        ({"item": {}, "sample": "x", "expect": {"reward": "1"}}, "RFT380", "not a number"),
        ({"item": {}, "sample": "x", "expect": {"error": "parse"}}, "RFT380", "which does not exist"),
        ({"item": {}, "sample": "x", "judge": [1]}, "RFT380", "'judge' is a list"),
        ({"item": {}, "sample": "x", "judge": {"j": True}}, "RFT380", "not a judge's number or label"),
        ({"line": 9, "sample": "x"}, "RFT381", "has no such line"),
        ({"line": "1", "sample": "x"}, "RFT381", "has no such line"),
    ],
)
def test_a_line_that_is_no_case_is_named(write, case, code, said):
    rows = write({"n": 1}, name="train.jsonl")
    with pytest.raises(InvalidInputError, match=said) as caught:
        list(read_cases(write({"item": {}, "sample": "x"}, case), rows=rows))
    [finding] = caught.value.findings
    assert (finding.code, finding.place.line) == (code, 2)


def test_a_line_needs_a_file_to_count_in(write):
    with pytest.raises(InvalidInputError, match="needs a training file"):
        list(read_cases(write({"line": 1, "sample": "x"})))


def test_a_file_without_a_case_is_refused(write):
    with pytest.raises(InvalidInputError, match="holds no case"):
        list(read_cases(write()))


def test_output_json_is_parsed_only_when_asked():
    assert read_sample('{"a": 1}').output_json == {"a": 1}
    assert read_sample('{"a": 1}', parse_json=False).output_json is ABSENT
    assert read_sample({"output_text": "x", "output_json": None}).output_json is None


@pytest.mark.parametrize(
    ("expect", "grade", "holds"),
    [
        (Expectation(), Grade(1.0), None),
        (Expectation(reward=0.5), Grade(0.5 + 1e-9), True),
        (Expectation(reward=0.5), Grade(0.51), False),
        (Expectation(low=0.2), Grade(0.2), True),
        (Expectation(low=0.2, high=0.3), Grade(0.4), False),
        (Expectation(error="other_error"), Grade.failure("other_error", "x"), True),
        (Expectation(error="other_error"), Grade(0.0), False),
        (Expectation(reward=0.0), Grade.failure("sample_parse_error", "x"), True),
        (Expectation(reward=0.0), Grade.failure("python_grader_runtime_error", "x"), False),
    ],
)
def test_an_expectation_holds_or_not(expect, grade, holds):
    assert expect.holds(grade) is holds


@pytest.mark.parametrize(
    ("expect", "text"),
    [
        (Expectation(), ""),
        (Expectation(reward=0.5), "0.5"),
        (Expectation(low=0, high=1), "min 0 max 1"),
        (Expectation(error="other_error"), "error other_error"),
    ],
)
def test_an_expectation_reads_well(expect, text):
    assert str(expect) == text


def test_a_case_may_bring_what_its_judges_say(write):
    path = write(
        {"item": {}, "sample": "x", "judge": 0.5},
        {"item": {}, "sample": "x", "judge": {"j": "good"}},
        {"item": {}, "sample": "x"},
    )
    assert [case.sample.judged for case in read_cases(path)] == [{"*": 0.5}, {"j": "good"}, {}]


@pytest.mark.parametrize(
    ("second", "needless"), [({"judge": 0.5}, True), ({}, False), ({"judge": {}}, False)]
)
def test_a_judge_is_needless_when_every_case_brings_its_result(write, second, needless):
    path = write({"item": {}, "sample": "x", "judge": 1}, {"item": {}, "sample": "x", **second})
    assert need_no_judge(path) is needless
