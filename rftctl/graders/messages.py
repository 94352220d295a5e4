"""The `input` of a model grader: messages whose texts are templates.

In: a list of `{role, content}`; content is a string, one content block or a list of blocks
(graders guide). Out: chat-completions messages, every template filled in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from rftctl.graders.checks import kind, suggestion
from rftctl.template import Template, parse_template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rftctl.graders.checks import Checker

ROLES = ("system", "developer", "user", "assistant")
BLOCKS = ("input_text", "output_text", "input_image", "input_audio")
_EXAMPLE = '{"role": "user", "content": "…{{sample.output_text}}…"}'
_TEXT_BLOCKS = ("input_text", "output_text", "text")

_Tree: TypeAlias = Any
"""JSON in which some strings are templates."""


@dataclass(frozen=True, slots=True)
class MessageTemplates:
    """Parsed messages; `render` fills them in."""

    messages: tuple[tuple[str, _Tree], ...]

    def render(self, item: Mapping[str, Any], sample: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Give the chat messages for one item and sample; raises TemplateError for a missing variable."""
        return [{"role": role, "content": _render(content, item, sample)} for role, content in self.messages]


def parse_messages(messages: list[dict[str, Any]]) -> MessageTemplates:
    """Parse messages that `check_messages` found right."""
    return MessageTemplates(tuple((message["role"], _content(message["content"])) for message in messages))


def check_messages(check: Checker, key: str) -> list[Template | None]:
    """Report what is wrong with the messages; returns their templates, None for one that is malformed."""
    messages = check.config.get(key)
    if messages is None:
        return [None]
    if not isinstance(messages, list) or not messages:
        what = "is empty" if messages == [] else f"is {kind(messages)}, not a list of messages"
        check.error("RFT350", (key,), what, f"write [{_EXAMPLE}]")
        return [None]
    return [
        template
        for n, message in enumerate(messages)
        for template in _check_message(check, (key, n), message)
    ]


def _check_message(check: Checker, path: tuple[str | int, ...], message: Any) -> Iterator[Template | None]:
    if not isinstance(message, dict):
        what = f"is {kind(message)}, not a message with role and content"
        check.error("RFT350", path, what, f"write {_EXAMPLE}")
        yield None
        return
    role = message.get("role")
    if role not in ROLES:
        what = "has no 'role'" if role is None else f"has the role '{role}'"
        check.error("RFT350", path if role is None else (*path, "role"), what, suggestion(role, ROLES))
    content = message.get("content")
    blocks = content if isinstance(content, list) else [content]
    for n, block in enumerate(blocks):
        at = (*path, "content", n) if isinstance(content, list) else (*path, "content")
        yield from _check_block(check, at, block)
    if not blocks:
        check.error("RFT350", (*path, "content"), "is empty", "write the text that the judge is to read")


def _check_block(check: Checker, path: tuple[str | int, ...], block: Any) -> Iterator[Template | None]:
    if isinstance(block, str):
        yield check.template_text(block, path)
        return
    block_type = block.get("type") if isinstance(block, dict) else None
    if block_type in _TEXT_BLOCKS and isinstance(block.get("text"), str):
        yield check.template_text(block["text"], (*path, "text"))
    elif block_type in _TEXT_BLOCKS:
        hint = 'write {"type": "input_text", "text": "…"}'
        check.error("RFT350", path, "is a text block without a 'text'", hint)
        yield None
    elif block_type == "input_image" and isinstance(block.get("image_url"), str):
        yield check.template_text(block["image_url"], (*path, "image_url"))
    elif block_type == "input_audio" and isinstance(block.get("input_audio"), dict):
        yield check.template_text(str(block["input_audio"].get("data", "")), (*path, "input_audio", "data"))
    else:
        what = (
            f"has the type '{block_type}'" if block_type else f"is {kind(block)}, not text or a content block"
        )
        check.error("RFT350", path, what, suggestion(block_type, BLOCKS))
        yield None


def _content(content: Any) -> _Tree:
    if isinstance(content, str):
        return parse_template(content)
    blocks = content if isinstance(content, list) else [content]
    if len(blocks) == 1 and _is_text(blocks[0]):
        # One text goes out as a plain string, which every judge understands.
        return _text(blocks[0])
    return [_block(block) for block in blocks]


def _is_text(block: Any) -> bool:
    return isinstance(block, str) or block["type"] in _TEXT_BLOCKS


def _text(block: Any) -> Template:
    return parse_template(block if isinstance(block, str) else block["text"])


def _block(block: Any) -> _Tree:
    if _is_text(block):
        return {"type": "text", "text": _text(block)}
    if block["type"] == "input_image":
        image = {"url": parse_template(block["image_url"])}
        return {"type": "image_url", "image_url": image | _only(block, "detail")}
    audio = block["input_audio"]
    data = {"data": parse_template(str(audio.get("data", "")))}
    return {"type": "input_audio", "input_audio": data | _only(audio, "format")}


def _only(block: dict[str, Any], key: str) -> dict[str, Any]:
    return {key: block[key]} if key in block else {}


def _render(tree: _Tree, item: Mapping[str, Any], sample: Mapping[str, Any]) -> Any:
    if isinstance(tree, Template):
        return tree.render(item, sample)
    if isinstance(tree, dict):
        return {key: _render(value, item, sample) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_render(value, item, sample) for value in tree]
    return tree
