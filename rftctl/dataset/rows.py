"""Check the shape of one dataset row.

In: a row as decoded, and the rules of a provider. Out: `Fault`s, which become findings RFT204 and
RFT220 to RFT229. Source: chat-completions messages as the fine-tuning API's RFT rows use them; roles
developer, user, assistant and tool, text and image parts (published API description, RFT row schema).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from rftctl.finding import Level
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLES = frozenset({"developer", "system", "user", "assistant", "tool"})
_PROMPT_KEYS = ("prompt", "input", "question", "conversations", "text")
_PART_KEYS = {"text": "text", "image_url": "image_url"}


class Fault(NamedTuple):
    """One thing wrong with a row; it gets its place from the line it stands on."""

    code: str
    message: str
    hint: str
    level: Level = Level.ERROR


@dataclass(frozen=True, slots=True)
class RowRules:
    """What a provider takes in a row.

    Attributes:
        roles: roles it documents; others that the API knows are a warning.
        last_roles: roles the last message may have.
        part_types: kinds of content parts it takes.
    """

    roles: frozenset[str] = ROLES
    last_roles: frozenset[str] = frozenset({"user", "tool"})
    part_types: frozenset[str] = frozenset({"text", "image_url"})


ANY_PROVIDER = RowRules()


def check_row(row: dict[str, Any], rules: RowRules = ANY_PROVIDER) -> list[Fault]:
    """Check messages and tools of a row; an empty list means that nothing is wrong."""
    if plain_prompt(row, rules) is not None:
        return []
    from rftctl.dataset.tools import check_tool_use

    messages = row.get("messages")
    if type(messages) is not list or not messages:
        return [_no_messages(row)]
    faults = [fault for at, message in enumerate(messages) for fault in _message(at, message, rules)]
    faults += _last(messages, rules)
    if any(fault.level is Level.ERROR for fault in faults):
        return faults
    return [*faults, *check_tool_use(row)]


def plain_prompt(row: dict[str, Any], rules: RowRules) -> tuple[str, ...] | None:
    """Pass the common row quickly: return its texts if each message has a known role and text alone.

    None means that the row may be wrong or merely uncommon; `check_row` tells.
    """
    try:
        if "tools" in row:
            return None
        role, texts = "", []
        for message in row["messages"]:
            role, text = message["role"], message["content"]
            if len(message) != 2 or role not in rules.roles or role == "tool" or not text or text.isspace():
                return None
            texts.append(text)
    except (LookupError, TypeError, AttributeError):
        return None
    return tuple(texts) if role in rules.last_roles else None


def _no_messages(row: dict[str, Any]) -> Fault:
    if "messages" in row:
        return Fault(
            "RFT220", "messages is not a list with at least one message", 'write "messages": [{...}]'
        )
    near = difflib.get_close_matches("messages", list(row), n=1)
    other = next((key for key in _PROMPT_KEYS if key in row), None)
    if near:
        return Fault("RFT220", "key 'messages' is missing", f"rename '{one_line(near[0])}' to 'messages'")
    if other:
        hint = f'turn \'{other}\' into "messages": [{{"role": "user", "content": ...}}]'
        return Fault("RFT220", "key 'messages' is missing", hint)
    return Fault("RFT220", "key 'messages' is missing", 'add "messages": [{"role": "user", "content": ...}]')


def _message(at: int, message: Any, rules: RowRules) -> Iterator[Fault]:
    where = f"messages[{at}]"
    if type(message) is not dict:
        yield Fault("RFT221", f"{where} is not an object", 'write {"role": ..., "content": ...}')
        return
    role = message.get("role")
    if type(role) is not str or role not in ROLES:
        yield _bad_role(where, role)
        return
    if role not in rules.roles:
        hint = (
            "use 'developer' instead" if role == "system" else f"use one of {', '.join(sorted(rules.roles))}"
        )
        message_text = f"{where}.role '{role}' is not documented for this provider's rows"
        yield Fault("RFT223", message_text, hint, Level.WARNING)
    yield from _content(where, message, rules)


def _bad_role(where: str, role: Any) -> Fault:
    if type(role) is not str:
        return Fault("RFT221", f"{where} has no role", f"roles: {', '.join(sorted(ROLES))}")
    alias = {
        "human": "user",
        "gpt": "assistant",
        "bot": "assistant",
        "model": "assistant",
        "function": "tool",
    }
    near = alias.get(role) or next(iter(difflib.get_close_matches(role, ROLES, n=1)), None)
    hint = f"did you mean '{near}'?" if near else f"roles: {', '.join(sorted(ROLES))}"
    return Fault("RFT222", f"{where}.role '{one_line(role)}' is not known", hint)


def _content(where: str, message: dict[str, Any], rules: RowRules) -> Iterator[Fault]:
    content = message.get("content")
    if type(content) is str and content and not content.isspace():
        return
    if content is None and message.get("role") == "assistant" and message.get("tool_calls"):
        return
    if type(content) is list and content:
        for at, part in enumerate(content):
            yield from _part(f"{where}.content[{at}]", part, rules)
        return
    near = next(
        iter(difflib.get_close_matches("content", [key for key in message if key != "content"], n=1)), None
    )
    hint = f"rename '{one_line(near)}' to 'content'" if near else "give the message some text, or drop it"
    what = "empty" if content in ("", []) or type(content) is str else "no text"
    if content is None:
        what = "missing"
    yield Fault("RFT224", f"{where}.content is {what}", hint)


def _part(where: str, part: Any, rules: RowRules) -> Iterator[Fault]:
    kind = part.get("type") if type(part) is dict else None
    if type(kind) is not str:
        yield Fault("RFT224", f"{where} is not a content part", 'write {"type": "text", "text": ...}')
    elif kind not in rules.part_types:
        taken = ", ".join(sorted(rules.part_types))
        yield Fault(
            "RFT225", f"{where}.type '{one_line(kind)}' is not taken", f"this provider takes: {taken}"
        )
    elif not part.get(_PART_KEYS[kind]):
        yield Fault("RFT224", f"{where} has no {_PART_KEYS[kind]}", f'add "{_PART_KEYS[kind]}"')


def _last(messages: list[Any], rules: RowRules) -> Iterator[Fault]:
    role = messages[-1].get("role") if type(messages[-1]) is dict else None
    if type(role) is str and role in ROLES and role not in rules.last_roles:
        hint = (
            "drop the answer: the model writes it" if role == "assistant" else "end with the user's question"
        )
        yield Fault("RFT204", f"last message has role '{role}'; a prompt ends with 'user'", hint)
