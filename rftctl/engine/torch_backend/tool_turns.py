"""Tools and tool calls in words, for models whose chat template knows none.

In: messages in the chat-completions form and the tools offered. Out: plain messages that say the same, calls
in the form that `rftctl.engine.answers` reads back (that of the Hermes and Qwen models):
`<tool_call>{"name": ..., "arguments": {...}}</tool_call>`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CALL_FORM = '<tool_call>{"name": ..., "arguments": {...}}</tool_call>'
_OFFER = f"You can call tools. Write each call as {_CALL_FORM}. The tools:"


def knows_tools(chat_template: object) -> bool:
    """Whether a template, or one of several under their names, does something with tools."""
    return "tools" in str(chat_template)


def in_words(
    messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] | None
) -> list[dict[str, Any]]:
    """Write tools into the system message, calls and their results into the text of their turns.

    Args:
        messages: with text content; `function.arguments` is an object or a string.
        tools: the definitions of the wire, or None.
    """
    turns = [_turn(message) for message in messages]
    if not tools:
        return turns
    offer = "\n".join([_OFFER, *(_compact(tool.get("function", tool)) for tool in tools)])
    if turns and turns[0].get("role") == "system":
        return [{**turns[0], "content": f"{turns[0]['content']}\n\n{offer}"}, *turns[1:]]
    return [{"role": "system", "content": offer}, *turns]


def _turn(message: Mapping[str, Any]) -> dict[str, Any]:
    if message.get("role") == "tool":
        return {"role": "user", "content": f"<tool_response>{message['content']}</tool_response>"}
    turn = {key: value for key, value in message.items() if key != "tool_calls"}
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        turn["content"] = "\n".join(filter(None, [turn.get("content"), *map(_call, calls)]))
    return turn


def _call(call: Any) -> str:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return ""
    said = {"name": function.get("name"), "arguments": function.get("arguments")}
    return f"<tool_call>{_compact(said)}</tool_call>"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
