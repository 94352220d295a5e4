import pytest

from rftctl.dataset import Example, parse_output
from rftctl.graders import build_grader
from rftctl.graders.probes import (
    BAD,
    BASELINE,
    EMPTY,
    GOOD,
    derive_probes,
    find_right_answers,
    reference_fields,
)


def rows(*items):
    prompt = [{"role": "user", "content": "which code?"}]
    return [Example(n, prompt, None, {"messages": prompt, **item}) for n, item in enumerate(items, 1)]


CODES = rows({"code": "K1", "n": 1}, {"code": "K2", "n": 2}, {"code": "K1", "n": 3})
TEXT = {1: "K1", 2: "K2", 3: "K1"}
JSON = {line: f'{{"code": "{code}", "parts": ["{code}"]}}' for line, code in TEXT.items()}


def probes(right=TEXT):
    return {(probe.family, probe.line): probe for probe in derive_probes(CODES, right)}


def test_there_are_at_least_ten_families_of_bad_outputs():
    assert len(BAD) >= 10


def test_every_family_applies_to_json_answers():
    answers_without_code = {*GOOD, *BAD, EMPTY} - {"right answer as dead code"}
    assert {family for family, _ in probes(JSON)} == answers_without_code


def test_another_rows_answer_is_never_this_rows_own():
    for (family, line), probe in probes().items():
        assert family != BASELINE or probe.text != TEXT[line]


@pytest.mark.parametrize("right", [TEXT, JSON])
def test_no_bad_output_equals_the_right_answer(right):
    assert all(probe.is_good or probe.text != right[line] for (_, line), probe in probes(right).items())


@pytest.mark.parametrize(
    ("family", "text"),
    [
        (BASELINE, "K2"),
        ("prompt echoed", "which code?"),
        ("right or wrong", "K1 or K2"),
        ("right answer denied", "certainly not K1"),
        ("keys without values", "Answer:"),
        ("every answer at once", "K2, K1"),
    ],
)
def test_a_family_is_derived_from_the_rows(family, text):
    assert probes()[family, 1].text == text


@pytest.mark.parametrize(
    ("family", "value"),
    [
        ("right or wrong", {"code": "K1 or K2", "parts": ["K1", "K2"]}),
        ("every answer at once", {"code": "K1, K2", "parts": ["K1", "K1", "K2"]}),
        ("keys without values", {"code": "", "parts": ""}),
    ],
)
def test_a_family_keeps_the_shape_of_json_answers(family, value):
    assert parse_output(probes(JSON)[family, 1].text) == value


def test_laying_json_out_differently_keeps_its_value():
    relaid = probes(JSON)["right answer, JSON laid out", 1].text
    assert parse_output(relaid) == parse_output(JSON[1])
    assert relaid != JSON[1]


def test_rows_that_all_share_one_answer_give_no_wrong_one():
    assert all(probe.is_good for probe in derive_probes(CODES, dict.fromkeys(TEXT, "K1")))


def test_rows_without_a_right_answer_are_left_out():
    assert {probe.line for probe in derive_probes(CODES, {2: "K2"})} == {2}


def test_probes_are_the_same_each_time():
    assert list(derive_probes(CODES, JSON)) == list(derive_probes(CODES, JSON))


def test_reference_fields_are_those_that_every_row_has():
    assert reference_fields(rows({"a": 1, "b": 2}, {"a": 1})) == ["a"]


@pytest.mark.parametrize(
    ("path", "reference", "right"),
    [
        ("sample.output_text", "{{item.code}}", "K1"),
        ("sample.output_json.code", "{{item.code}}", '{"code": "K1"}'),
        ("sample.output_json.n", "{{item.n}}", '{"n": 1}'),
    ],
)
def test_the_right_answer_is_found_by_trying(path, reference, right):
    config = {"type": "string_check", "name": "c", "input": f"{{{{{path}}}}}", "reference": reference}
    grader = build_grader({**config, "operation": "eq"})
    assert find_right_answers(CODES, grader)[1] == right


def test_the_response_formats_keys_are_tried_together():
    check = {"type": "string_check", "name": "c", "operation": "eq"}
    both = {
        "a": {**check, "input": "{{sample.output_json.code}}", "reference": "{{item.code}}"},
        "b": {**check, "input": "{{sample.output_json.n}}", "reference": "{{item.n}}"},
    }
    grader = build_grader({"type": "multi", "name": "m", "graders": both, "calculate_output": "a * b"})
    assert find_right_answers(CODES, grader, properties=["n", "code"])[2] == '{"n": 2, "code": "K2"}'
