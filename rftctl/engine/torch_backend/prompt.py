"""Chat messages turned into prompt tokens by the model's own template.

In: messages in the chat-completions form. Out: token ids. The template is the model's; only what
templates cannot read is rewritten: content parts become text, a developer speaks as the system, and tools
are put into words where the template knows none.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError

from rftctl.engine.torch_backend.tool_turns import in_words, knows_tools
from rftctl.errors import InvalidInputError, NotOfferedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def render_prompt(
    tokenizer: Any,
    messages: Sequence[Mapping[str, object]],
    tools: Sequence[Mapping[str, object]] | None,
    reasoning_effort: str | None,
) -> tuple[int, ...]:
    """Render messages, ending where the assistant is to answer.

    A last message of the assistant with `prefix: true` is the beginning of that answer.

    Args:
        reasoning_effort: handed to templates that take one; others ignore it.

    Raises:
        InvalidInputError: the template refuses these messages.
        NotOfferedError: the model has no template.
    """
    if not tokenizer.chat_template:
        raise NotOfferedError("model has no chat template", "choose an instruction-tuned model")
    is_begun = bool(messages) and messages[-1].get("prefix") is True
    extra: dict[str, Any] = {"continue_final_message": True} if is_begun else {}
    if reasoning_effort not in (None, "default"):
        extra |= {"reasoning_effort": reasoning_effort, "enable_thinking": True}
    turns = [_plain(message) for message in messages]
    if not knows_tools(tokenizer.chat_template):
        turns, tools = in_words(turns, tools), None
    try:
        ids = tokenizer.apply_chat_template(
            turns,
            tools=[dict(tool) for tool in tools] if tools else None,
            add_generation_prompt=not is_begun,
            tokenize=True,
            return_dict=False,
            **extra,
        )
    except (TemplateError, TypeError, ValueError, KeyError) as error:
        raise InvalidInputError(f"the model's chat template refuses the messages: {error}") from error
    return tuple(ids)


def _plain(message: Mapping[str, object]) -> dict[str, object]:
    plain = {key: value for key, value in message.items() if key != "prefix"}
    if plain.get("role") == "developer":
        plain["role"] = "system"
    plain["content"] = _text(plain.get("content"))
    calls = plain.get("tool_calls")
    if isinstance(calls, list):
        plain["tool_calls"] = [_call(call) for call in calls]
    return plain


def _text(content: object) -> str:
    if not isinstance(content, list):
        return "" if content is None else str(content)
    return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))


def _call(call: Any) -> Any:
    # Templates write arguments out as JSON themselves; given the wire's string they would quote it twice.
    try:
        function = call["function"]
        return {**call, "function": {**function, "arguments": json.loads(function["arguments"])}}
    except (KeyError, TypeError, ValueError):
        return call
