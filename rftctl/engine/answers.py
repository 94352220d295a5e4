"""A completion read as an answer: text, JSON, tool calls.

In: a `Completion` of any backend. Out: a `Sample`, the same for rollouts and for the chat endpoint.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from rftctl.dataset import ABSENT, Sample

if TYPE_CHECKING:
    from rftctl.engine.backend import Completion

_TOOL_CALL = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)


def to_sample(completion: Completion, *, has_response_format: bool) -> Sample:
    """Read a completion.

    Args:
        has_response_format: only then does `output_json` exist, as on the platform.

    Returns:
        A sample whose `finish_reason` is "tool_calls" when at least one call could be read; its text is
        what stood around the calls.
    """
    calls, text = _tool_calls(completion.text)
    finish_reason = "tool_calls" if calls else completion.stop_reason
    return Sample(
        output_text=text,
        output_json=_parsed(text) if has_response_format else ABSENT,
        output_tools=calls,
        finish_reason=finish_reason,
        completion_tokens=len(completion.tokens),
        reasoning_tokens=completion.reasoning_tokens,
    )


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    # The parser gives up on deep nesting with a RecursionError, which a random model can provoke.
    except (ValueError, RecursionError):
        return ABSENT


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _tool_calls(text: str) -> tuple[list[dict[str, Any]], str]:
    calls: list[dict[str, Any]] = []
    kept: list[str] = []
    position = 0
    for match in _TOOL_CALL.finditer(text):
        call = _call(match.group(1), len(calls))
        if call is None:
            continue
        calls.append(call)
        kept.append(text[position : match.start()])
        position = match.end()
    kept.append(text[position:])
    return calls, "".join(kept).strip() if calls else text


def _call(body: str, index: int) -> dict[str, Any] | None:
    call = _parsed(body)
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        return None
    arguments = call.get("arguments", {})
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    function = {"name": call["name"], "arguments": arguments}
    return {"id": f"call_{index}", "type": "function", "function": function}
