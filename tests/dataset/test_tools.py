"""Tools and tool calls of a row."""

from __future__ import annotations

from typing import Any

import pytest

from rftctl.dataset.rows import check_row

SCHEMA = {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]}
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": SCHEMA}}
USER = {"role": "user", "content": "hello?"}


def call(name: str = "look_up", arguments: Any = '{"code": "A"}', call_id: str = "c1") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def answer(call_id: str = "c1") -> dict[str, str]:
    return {"role": "tool", "tool_call_id": call_id, "content": "x"}


def said(*messages: dict[str, Any], tools: Any = (TOOL,)) -> list[tuple[str, tuple[str | int, ...]]]:
    row = {"messages": [USER, *messages, USER], "tools": list(tools)}
    return [(fault.code, fault.path) for fault in check_row(row)]


def test_calls_that_are_answered_pass() -> None:
    calls = [call(), call(call_id="c2")]
    assert said({"role": "assistant", "tool_calls": calls}, answer("c2"), answer("c1")) == []


@pytest.mark.parametrize(
    "arguments", ['{"code": "A", "code": "B"}', '{"code": NaN}', "[]", "", {"code": "A"}]
)
def test_arguments_are_strict_json_in_a_string(arguments: Any) -> None:
    path = ("messages", 1, "tool_calls", 0, "function", "arguments")
    assert said({"role": "assistant", "tool_calls": [call(arguments=arguments)]}, answer()) == [
        ("RFT227", path)
    ]


def test_a_call_that_nobody_answers_is_an_error() -> None:
    path = ("messages", 1, "tool_calls", 1, "id")
    calls = [call(), call(call_id="c2")]
    assert said({"role": "assistant", "tool_calls": calls}, answer()) == [("RFT228", path)]


def test_one_id_for_two_calls_is_an_error() -> None:
    path = ("messages", 1, "tool_calls", 1, "id")
    assert said({"role": "assistant", "tool_calls": [call(), call()]}, answer()) == [("RFT227", path)]


def test_a_call_by_a_user_is_a_warning() -> None:
    user = {**USER, "tool_calls": [call()]}
    row = {"messages": [user]}
    assert [(fault.code, fault.level) for fault in check_row(row)] == [("RFT240", "warning")]


def test_a_misspelt_key_of_a_message_is_named() -> None:
    row = {"messages": [{**USER, "nmae": "x"}]}
    assert [fault.hint for fault in check_row(row)] == ["did you mean 'name'?"]


@pytest.mark.parametrize(
    "definition",
    [
        {"name": "f", "parameters": []},
        {"name": "f", "parameters": {"type": "objekt"}},
        {"name": "f", "parameters": {"type": "array"}},
        {"name": "a b"},
        {"name": None},
    ],
)
def test_a_wrong_definition_is_an_error(definition: dict[str, Any]) -> None:
    assert [code for code, _ in said(tools=[{"type": "function", "function": definition}])] == ["RFT226"]
