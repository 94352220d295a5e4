"""Tool calls in the text of an output, read into the wire's form.

In: text with calls written as `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`, the form of the
Hermes and Qwen models, or calls as a row names them. Out: `tool_calls` as the chat-completions API has them.
"""

from __future__ import annotations

import json
import re
from typing import Any

from rftctl.dataset.model import parse_output

_TOOL_CALL = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)


def read_calls(text: str) -> tuple[list[dict[str, Any]], str]:
    """Return the calls that can be read and the text around them; what cannot be read stays text."""
    calls: list[dict[str, Any]] = []
    kept: list[str] = []
    position = 0
    for match in _TOOL_CALL.finditer(text):
        call = wire_call(parse_output(match.group(1)), len(calls))
        if call is None:
            continue
        calls.append(call)
        kept.append(text[position : match.start()])
        position = match.end()
    kept.append(text[position:])
    return calls, "".join(kept).strip() if calls else text


def wire_call(call: Any, index: int) -> dict[str, Any] | None:
    """Return `{"name", "arguments"}` as the wire's call, or None where it is no call.

    Args:
        index: the call's place in its turn, which makes its id.
    """
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        return None
    arguments = call.get("arguments", {})
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    function = {"name": call["name"], "arguments": arguments}
    return {"id": f"call_{index}", "type": "function", "function": function}
