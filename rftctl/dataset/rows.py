"""Check the shape of one dataset row.

In: a row as decoded, and the rules of a provider. Out: `Fault`s, which become findings RFT204, RFT220 to
RFT229 and RFT240. Source: chat-completions messages as the fine-tuning API's RFT rows use them; roles
developer, user, assistant and tool, text and image parts (published API description, RFT row schema).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rftctl.dataset.fault import Fault
from rftctl.dataset.images import ANY_IMAGE, ImageRules, check_image
from rftctl.finding import Level
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rftctl.dataset.fault import Path

ROLES = frozenset({"developer", "system", "user", "assistant", "tool"})
_PROMPT_KEYS = ("prompt", "input", "question", "conversations", "text")
_ALIASES = {
    "human": "user",
    "gpt": "assistant",
    "bot": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "function": "tool",
}
_MESSAGE_KEYS = frozenset({"role", "content", "name"})
_ROLE_KEYS = {
    "assistant": frozenset({"tool_calls", "refusal", "function_call", "audio", "weight"}),
    "tool": frozenset({"tool_call_id"}),
}
_EMPTY_HINT = "give the message some text, or drop it"


@dataclass(frozen=True, slots=True)
class RowRules:
    """What a provider takes in a row.

    Attributes:
        roles: roles it documents; others that the API knows are a warning.
        last_roles: roles the last message may have.
        part_types: kinds of content parts it takes.
        images: what it takes of images, where it takes any.
    """

    roles: frozenset[str] = ROLES
    last_roles: frozenset[str] = frozenset({"user", "tool"})
    part_types: frozenset[str] = frozenset({"text", "image_url"})
    images: ImageRules = ANY_IMAGE


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
    faults += _too_many_images(messages, rules.images)
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
        message, hint = "messages is not a list with at least one message", 'write "messages": [{...}]'
        return Fault("RFT220", message, hint, path=("messages",))
    near = difflib.get_close_matches("messages", list(row), n=1)
    other = next((key for key in _PROMPT_KEYS if key in row), None)
    hint = 'add "messages": [{"role": "user", "content": ...}]'
    if near:
        hint = f"rename '{one_line(near[0])}' to 'messages'"
    elif other:
        hint = f'turn \'{other}\' into "messages": [{{"role": "user", "content": ...}}]'
    return Fault("RFT220", "key 'messages' is missing", hint)


def _message(at: int, message: Any, rules: RowRules) -> Iterator[Fault]:
    where, path = f"messages[{at}]", ("messages", at)
    if type(message) is not dict:
        hint = 'write {"role": ..., "content": ...}'
        yield Fault("RFT221", f"{where} is not an object", hint, path=path)
        return
    role = message.get("role")
    if type(role) is not str or role not in ROLES:
        yield _bad_role(where, role, (*path, "role"))
        return
    if role not in rules.roles:
        yield _undocumented_role(where, role, rules, (*path, "role"))
    yield from _content(where, message, rules, path)
    yield from _other_keys(where, role, message, path)


def _undocumented_role(where: str, role: str, rules: RowRules, path: Path) -> Fault:
    swap = {"system": "developer", "developer": "system"}.get(role)
    hint = f"use '{swap}' instead" if swap in rules.roles else f"use one of {', '.join(sorted(rules.roles))}"
    message = f"{where}.role '{role}' is not documented for this provider's rows"
    return Fault("RFT223", message, hint, Level.WARNING, path)


def _bad_role(where: str, role: Any, path: Path) -> Fault:
    known = f"roles: {', '.join(sorted(ROLES))}"
    if type(role) is not str:
        return Fault("RFT221", f"{where} has no role", known, path=path)
    near = _ALIASES.get(role.lower()) or next(iter(difflib.get_close_matches(role, ROLES, n=1)), None)
    hint = f"did you mean '{near}'?" if near else known
    return Fault("RFT222", f"{where}.role '{one_line(role)}' is not known", hint, path=path)


def _content(where: str, message: dict[str, Any], rules: RowRules, path: Path) -> Iterator[Fault]:
    content = message.get("content")
    if type(content) is str and content and not content.isspace():
        return
    if content is None and message.get("role") == "assistant" and message.get("tool_calls"):
        return
    path = (*path, "content")
    if type(content) is list and content:
        for at, part in enumerate(content):
            yield from _part(f"{where}.content[{at}]", part, str(message["role"]), rules, (*path, at))
        return
    near = difflib.get_close_matches("content", [key for key in message if key != "content"], n=1)
    hint = f"rename '{one_line(near[0])}' to 'content'" if near else _EMPTY_HINT
    what = "empty" if content in ("", []) or type(content) is str else "no text"
    if content is None:
        what = "missing"
    yield Fault("RFT224", f"{where}.content is {what}", hint, path=path)


def _part(where: str, part: Any, role: str, rules: RowRules, path: Path) -> Iterator[Fault]:
    kind = part.get("type") if type(part) is dict else None
    if type(kind) is not str:
        hint = 'write {"type": "text", "text": ...}'
        yield Fault("RFT224", f"{where} is not a content part", hint, path=path)
    elif kind not in rules.part_types:
        hint = f"this provider takes: {', '.join(sorted(rules.part_types))}"
        yield Fault("RFT225", f"{where}.type '{one_line(kind)}' is not taken", hint, path=(*path, "type"))
    elif kind == "image_url" and role != "user":
        message = f"{where} is an image in a message of role '{role}'"
        yield Fault("RFT225", message, "images stand in user messages only", path=(*path, "type"))
    elif not part.get(kind) and part.get(kind) != {}:
        yield Fault("RFT224", f"{where} has no {kind}", f'add "{kind}"', path=path)
    elif kind == "image_url":
        yield from check_image(where, part["image_url"], rules.images, (*path, "image_url"))
    elif kind == "text" and (type(part["text"]) is not str or part["text"].isspace()):
        yield Fault("RFT224", f"{where}.text is no text", _EMPTY_HINT, path=(*path, "text"))


def _other_keys(where: str, role: str, message: dict[str, Any], path: Path) -> Iterator[Fault]:
    """Name the keys that a message of this role does not have; a misspelt one has no effect."""
    known = _MESSAGE_KEYS | _ROLE_KEYS.get(role, frozenset())
    for key in message.keys() - known if len(message) > 2 else ():
        near = difflib.get_close_matches(key, known - message.keys(), n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"keys of role '{role}': {', '.join(sorted(known))}"
        text = f"{where}.{one_line(key)} is not a key of a message of role '{role}'"
        yield Fault("RFT240", text, hint, Level.WARNING, (*path, key))


def _too_many_images(messages: list[dict[str, Any]], rules: ImageRules) -> Iterator[Fault]:
    parts = [
        part for message in messages if type(message.get("content")) is list for part in message["content"]
    ]
    n_images = sum(part["type"] == "image_url" for part in parts)
    if rules.max_per_row is not None and n_images > rules.max_per_row:
        message = f"the row has {n_images} images; the provider takes {rules.max_per_row}"
        yield Fault("RFT229", message, "split the row, or leave images out", path=("messages",))


def _last(messages: list[Any], rules: RowRules) -> Iterator[Fault]:
    role = messages[-1].get("role") if type(messages[-1]) is dict else None
    if type(role) is str and role in ROLES and role not in rules.last_roles:
        hint = (
            "drop the answer: the model writes it" if role == "assistant" else "end with the user's question"
        )
        path = ("messages", len(messages) - 1, "role")
        yield Fault("RFT204", f"last message has role '{role}'; a prompt ends with 'user'", hint, path=path)
