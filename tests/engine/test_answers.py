import json

import pytest

from rftctl.dataset import ABSENT
from rftctl.engine.answers import to_sample
from rftctl.engine.backend import Completion, StopReason


def completion(text: str, stop_reason: StopReason = "stop") -> Completion:
    return Completion((1, 2, 3), (-1.0, -1.0, -1.0), text, stop_reason, reasoning_tokens=2)


def test_counts_and_finish_reason_are_carried_over() -> None:
    sample = to_sample(completion("half an ans", "length"), has_response_format=False)
    assert (sample.completion_tokens, sample.reasoning_tokens) == (3, 2)
    assert sample.is_truncated


def test_json_is_read_only_under_a_response_format() -> None:
    text = completion('{"a": null}')
    assert to_sample(text, has_response_format=True).output_json == {"a": None}
    assert to_sample(text, has_response_format=False).output_json is ABSENT


@pytest.mark.parametrize("text", ["", "{", '{"a": NaN}', "[Infinity]", "{} {}", "[" * 100_000])
def test_what_is_not_strict_json_is_absent(text: str) -> None:
    assert to_sample(completion(text), has_response_format=True).output_json is ABSENT


def test_a_json_null_is_not_absent() -> None:
    assert to_sample(completion("null"), has_response_format=True).output_json is None


def test_tool_calls_become_the_wires() -> None:
    text = 'hm <tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>\n'
    text += '<tool_call>{"name": "end"}</tool_call>'
    sample = to_sample(completion(text), has_response_format=False)
    assert [call["function"]["name"] for call in sample.output_tools] == ["add", "end"]
    assert json.loads(sample.output_tools[0]["function"]["arguments"]) == {"a": 1}
    assert (sample.finish_reason, sample.output_text) == ("tool_calls", "hm")


def test_a_broken_tool_call_stays_text() -> None:
    text = '<tool_call>{"name": "add", "argum</tool_call>'
    sample = to_sample(completion(text), has_response_format=False)
    assert (sample.output_tools, sample.output_text, sample.finish_reason) == ([], text, "stop")


def test_arguments_given_as_a_string_are_kept() -> None:
    text = '<tool_call>{"name": "f", "arguments": "{\\"a\\": 1}"}</tool_call>'
    [call] = to_sample(completion(text), has_response_format=False).output_tools
    assert call["function"]["arguments"] == '{"a": 1}'
