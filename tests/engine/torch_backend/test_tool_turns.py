"""Tools in words: what a model whose template knows no tools is shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rftctl.engine.answers import to_sample
from rftctl.engine.backend import Completion
from rftctl.engine.torch_backend.tool_turns import in_words, knows_tools

if TYPE_CHECKING:
    from pathlib import Path

    from rftctl.engine.torch_backend import TorchBackend

TOOL = {"type": "function", "function": {"name": "open", "parameters": {"type": "object"}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "open", "arguments": {"id": "r17"}}}
ASKED = {"role": "user", "content": "Read it."}
CALLED = {"role": "assistant", "content": "", "tool_calls": [CALL]}


def test_tools_are_listed_in_a_system_message_of_their_own() -> None:
    [system, user] = in_words([ASKED], [TOOL])
    assert system["role"] == "system"
    assert '{"name": "open", "parameters": {"type": "object"}}' in system["content"]
    assert user == ASKED


def test_tools_are_listed_after_the_rows_own_system_message() -> None:
    [system, _] = in_words([{"role": "system", "content": "Be brief."}, ASKED], [TOOL])
    assert system["content"].startswith("Be brief.\n\nYou can call tools.")


def test_a_call_is_written_in_the_form_that_is_read_back() -> None:
    [turn] = in_words([CALLED], None)
    sample = to_sample(Completion((1,), (0.0,), turn["content"], "stop"), has_response_format=False)
    [call] = sample.output_tools
    assert call["function"]["name"] == "open"
    assert json.loads(call["function"]["arguments"]) == {"id": "r17"}
    assert "tool_calls" not in turn


def test_words_beside_a_call_are_kept() -> None:
    [turn] = in_words([{**CALLED, "content": "Let me look."}], None)
    assert turn["content"].startswith("Let me look.\n<tool_call>")


def test_a_tools_result_is_a_turn_of_the_user() -> None:
    [turn] = in_words([{"role": "tool", "tool_call_id": "c1", "content": "42"}], None)
    assert turn == {"role": "user", "content": "<tool_response>42</tool_response>"}


def test_messages_without_tools_stay_as_they_are() -> None:
    assert in_words([ASKED], None) == [ASKED]


@pytest.mark.parametrize(
    ("template", "known"),
    [("{% if tools %}…{% endif %}", True), ({"tool_use": "{{ tools }}"}, True), ("{{ messages }}", False)],
)
def test_a_template_that_names_tools_is_left_to_itself(template: object, known: bool) -> None:
    assert knows_tools(template) is known


def test_a_model_without_tools_in_its_template_is_shown_them(backend: TorchBackend, tiny: Path) -> None:
    policy = backend.open_policy(str(tiny))
    wire = {**CALLED, "tool_calls": [{**CALL, "function": {"name": "open", "arguments": '{"id": "r17"}'}}]}
    shown = policy.network.tokenizer.decode(policy.render([ASKED, wire, ASKED], tools=[TOOL]))
    assert '<tool_call>{"name": "open", "arguments": {"id": "r17"}}</tool_call>' in shown
    assert "You can call tools." in shown
