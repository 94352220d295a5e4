"""Graders that compare two rendered templates: string_check, and what text_similarity shares with it."""

import pytest

from rftctl.dataset import Sample, parse_output
from rftctl.graders import build_grader

_KINDS = {
    "string_check": {"operation": "eq"},
    "text_similarity": {"evaluation_metric": "rouge_l"},
}


def _grader(kind="string_check", **changes):
    config = {"type": kind, "name": "same", "input": "{{sample.output_text}}", "reference": "{{item.answer}}"}
    return build_grader(config | _KINDS[kind] | changes)


@pytest.mark.parametrize(
    ("operation", "rewards"),
    [("eq", [1, 0, 0, 0]), ("ne", [0, 1, 1, 1]), ("like", [1, 0, 1, 0]), ("ilike", [1, 1, 1, 0])],
)
def test_each_operation_compares_as_its_name_says(operation, rewards):
    texts = ["Paris", "paris", "in Paris.", "Lyon"]
    grades = _grader(operation=operation).grade_batch([(Sample(text), {"answer": "Paris"}) for text in texts])
    assert [grade.reward for grade in grades] == rewards
    assert {type(grade.reward) for grade in grades} == {float}


@pytest.mark.parametrize("kind", _KINDS)
def test_a_row_without_the_reference_is_the_datas_fault(kind):
    [grade] = _grader(kind).grade_batch([(Sample("x"), {"other": "x"})])
    assert (grade.reward, grade.earned) == (None, None)
    assert grade.errors == ("invalid_variable_error",)
    assert grade.details == {"invalid_variable_error": "'item.answer': 'item' has no key 'answer'"}


@pytest.mark.parametrize("kind", _KINDS)
def test_an_output_that_cannot_be_read_earns_nothing_and_stops_no_other(kind):
    grader = _grader(kind, input="{{sample.output_json.city}}")
    texts = ['{"city": "Paris"}', "Paris", '{"town": "Paris"}', '{"city": "Paris"}']
    pairs = [(Sample(text, parse_output(text)), {"answer": "Paris"}) for text in texts]
    grades = grader.grade_batch(pairs)
    assert [grade.reward for grade in grades] == [1.0, None, None, 1.0]
    assert [grade.earned for grade in grades] == [1.0, 0.0, 0.0, 1.0]
    assert grades[1].errors == grades[2].errors == ("sample_parse_error",)


@pytest.mark.parametrize("kind", _KINDS)
def test_an_output_that_was_cut_off_says_so(kind):
    cut = Sample('{"city": "Pa', parse_output('{"city": "Pa'), finish_reason="length")
    [grade] = _grader(kind, input="{{sample.output_json.city}}").grade_batch([(cut, {"answer": "Paris"})])
    assert "the token cap cut the output off" in grade.details["sample_parse_error"]


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("answer", [42, None, True, ["a b", 1], {"a": "b"}])
def test_a_reference_that_is_no_string_is_compared_as_json(kind, answer):
    grader = _grader(kind, input="{{item.answer}}", reference="{{sample.output_json}}")
    [grade] = grader.grade_batch([(Sample("", answer), {"answer": answer})])
    assert grade.reward == 1.0


@pytest.mark.parametrize("kind", _KINDS)
def test_closing_twice_is_harmless(kind):
    grader = _grader(kind)
    grader.close()
    grader.close()
    assert [grade.reward for grade in grader.grade_batch([(Sample("a"), {"answer": "a"})])] == [1.0]
