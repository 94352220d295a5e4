"""Graders as people really write them, each of which breaks some naive build; and hostile outputs."""

import pytest

from rftctl.dataset import ABSENT, Sample, parse_output
from rftctl.finding import Place
from rftctl.graders import build_grader, check_grader

CHECK = {
    "type": "string_check",
    "name": "c",
    "input": "{{sample.output_text}}",
    "reference": "{{item.answer}}",
    "operation": "eq",
}


def graded(config, text="", item=None, sandbox=None, **fields):
    grader = build_grader(config, sandbox=sandbox)
    [grade] = grader.grade_batch([(Sample(text, parse_output(text), **fields), item or {})])
    grader.close()
    return grade


def python(source, sandbox, text="", item=None, **fields):
    return graded({"type": "python", "name": "p", "source": source}, text, item, sandbox, **fields)


def codes(config):
    return [finding.code for finding in check_grader(config, lambda _: Place("g"))]


def test_01_a_key_that_contains_a_functions_name_is_not_corrupted():
    config = {"type": "multi", "name": "m", "graders": {"explanation": CHECK}}
    config["calculate_output"] = "explanation * exp(0)"
    assert graded(config, "a", {"answer": "a"}).reward == 1.0


def test_02_the_reference_may_stand_in_input():
    config = {**CHECK, "input": "{{item.answer}}", "reference": "{{sample.output_text}}", "operation": "like"}
    assert graded(config, "cat", {"answer": "a cat sat"}).reward == 1.0


def test_03_an_inner_name_may_differ_from_its_key():
    config = {"type": "multi", "name": "m", "graders": {"key": CHECK}, "calculate_output": "key"}
    assert graded(config, "a", {"answer": "a"}).sub_rewards == {"key": 1.0}


def test_04_a_prompt_may_end_in_a_triple_brace():
    assert graded({**CHECK, "input": "{{sample.output_text}}}"}, "a", {"answer": "a}"}).reward == 1.0


def test_05_json_may_be_built_by_hand_around_unquoted_values():
    config = {**CHECK, "input": '{"n": {{item.n}}, "text": {{item.parts}}}'}
    config["reference"] = '{"n": 3, "text": ["a"]}'
    assert graded(config, "", {"n": 3, "parts": ["a"]}).reward == 1.0


def test_06_the_official_examples_list_and_stray_parenthesis_are_both_found():
    config = {"type": "multi", "name": "m", "graders": [CHECK], "calculate_output": "0.5 * a)"}
    assert codes(config) == ["RFT330"]
    assert "RFT333" in codes({**config, "graders": {"a": CHECK}})


def test_07_a_list_stored_as_a_json_string_reaches_the_grader_as_a_string(sandbox):
    source = "import json\ndef grade(sample, item):\n    return sum(json.loads(item['numbers']))"
    assert python(source, sandbox, item={"numbers": "[3, 7]"}).reward == 10.0


def test_08_message_content_may_be_a_single_object():
    message = {"role": "user", "content": {"type": "input_text", "text": "{{sample.output_text}}"}}
    assert codes({"type": "score_model", "name": "j", "model": "m", "input": [message]}) == []


def test_09_rewards_may_be_whole_numbers_beyond_one(sandbox):
    assert python("def grade(sample, item):\n    return 100", sandbox).reward == 100.0


def test_10_a_grader_may_hand_back_a_number_of_the_row_for_a_formula(sandbox):
    human = {"type": "python", "name": "h", "source": "def grade(sample, item):\n    return item['human']"}
    config = {
        "type": "multi",
        "name": "m",
        "graders": {"h": human},
        "calculate_output": "(100 - abs(h - 90)) / 100",
    }
    assert graded(config, "", {"human": 70}, sandbox).reward == pytest.approx(0.8)


def test_11_tool_calls_can_be_read_as_tools_and_as_text(sandbox):
    source = (
        "import json\ndef grade(sample, item):\n"
        "    calls = sample['output_tools'] or json.loads(sample['output_text'])\n"
        "    return float(calls[0]['function']['name'] == 'find')"
    )
    call = {"function": {"name": "find", "arguments": "{}"}}
    assert python(source, sandbox, "", output_tools=[call]).reward == 1.0
    assert python(source, sandbox, '[{"function": {"name": "find"}}]').reward == 1.0


@pytest.mark.parametrize(("text", "expected"), [("no json", 0.0), ("null", 1.0), ("{}", 1.0)])
def test_12_absent_output_json_differs_from_null(sandbox, text, expected):
    source = "def grade(sample, item):\n    return float('output_json' in sample)"
    assert python(source, sandbox, text).reward == expected


def test_13_a_whole_file_with_models_helpers_and_a_main_guard_works(sandbox):
    source = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "from pydantic import BaseModel\n"
        "class Answer(BaseModel):\n    code: str\n\n@dataclass\nclass Weights:\n    exact: float = 0.5\n\n"
        "def grade(sample, item):\n    return helper(Answer.model_validate(sample['output_json']))\n\n"
        "def helper(answer: Answer) -> float:\n    return Weights().exact\n\n"
        "if __name__ == '__main__':\n    raise SystemExit(grade({}, {}))\n"
    )
    assert python(source, sandbox, '{"code": "K1"}').reward == 0.5


def test_14_prints_do_not_corrupt_the_reward(sandbox):
    source = (
        "import sys\ndef grade(sample, item):\n    print('{\"reward\": 1}')\n"
        "    sys.stderr.write('x' * 100000)\n    return 0.25"
    )
    assert python(source, sandbox).reward == 0.25


def test_15_graders_that_use_the_network_or_return_dicts_fail_with_a_flag(sandbox):
    network = (
        "import socket\ndef grade(sample, item):\n"
        "    socket.create_connection(('127.0.0.1', 80), 1)\n    return 1.0"
    )
    for source in (network, "def grade(sample, item):\n    return {'score': 1.0, 'reason': 'ok'}"):
        assert python(source, sandbox).errors == ("python_grader_runtime_error",)


def test_a_million_character_output_is_checked_in_full():
    text = "x" * 1_000_000
    assert (
        graded(
            {**CHECK, "operation": "like", "reference": "x{{item.answer}}"}, text + "y", {"answer": "y"}
        ).reward
        == 1.0
    )


def test_a_million_character_output_reaches_a_python_grader(sandbox):
    source = "def grade(sample, item):\n    return len(sample['output_text'])"
    assert python(source, sandbox, "é" * 1_000_000).reward == 1_000_000


def test_json_nested_beyond_reason_counts_as_no_json():
    text = "[" * 200_000
    assert graded({**CHECK, "input": "{{sample.output_json}}"}, text, {"answer": ""}).errors == (
        "sample_parse_error",
    )
    assert parse_output("[" * 50_000 + "]" * 50_000) is ABSENT


def test_a_terminal_escape_in_an_output_does_not_reach_a_detail(sandbox):
    source = "def grade(sample, item):\n    raise ValueError(sample['output_text'])"
    given = python(source, sandbox, "\x1b[31mred\x1b]0;title\x07\nsecond line")
    assert "\x1b" not in given.details["python_grader_runtime_error"]
    assert "\n" not in given.details["python_grader_runtime_error"]


def test_an_output_that_looks_like_a_template_stays_text():
    given = graded(
        {**CHECK, "reference": "{{item.answer}}"}, "{{item.secret}}", {"answer": "{{item.secret}}"}
    )
    assert given.reward == 1.0


@pytest.mark.parametrize("text", ["\x00", "\ud800", "\u202e", "\ufeff{}", "\r\n", "😀" * 1000])
def test_strange_characters_are_graded_like_any_other(text):
    assert graded(CHECK, text, {"answer": text}).reward == 1.0


def test_a_lone_surrogate_does_not_break_a_python_grader(sandbox):
    given = python("def grade(sample, item):\n    return len(sample['output_text'])", sandbox, "a\ud800b")
    assert given.reward == 3.0
