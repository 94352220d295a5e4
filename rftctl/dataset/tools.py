"""Check the tools of a dataset row and the calls made with them.

In: a row whose messages have the right shape. Out: `Fault`s RFT226 (a definition), RFT227 (a call) and
RFT228 (an answer to no call). Call arguments are checked against the tool's own JSON Schema.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from rftctl.dataset.fault import Fault, Path
from rftctl.spec.json_schema import schema_problem
from rftctl.strict_jsonl import BadLine, decode
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

_Functions: TypeAlias = dict[str, dict[str, Any]]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SHAPE_HINT = 'write {"type": "function", "function": {"name": ..., "parameters": {...}}}'
_CALL_HINT = 'write {"id": ..., "type": "function", "function": {"name": ..., "arguments": "{...}"}}'


def check_tool_use(row: dict[str, Any]) -> Iterator[Fault]:
    """Check a row's `tools`, every `tool_calls` against them, and every tool message against a call."""
    tools = row.get("tools")
    faults = list(check_tools(tools)) if tools is not None else []
    known = (
        None if tools is None or faults else {tool["function"]["name"]: tool["function"] for tool in tools}
    )
    faults += _check_calls(row["messages"], known)
    yield from faults if faults else _unanswered(row["messages"])


def _check_calls(messages: list[dict[str, Any]], known: _Functions | None) -> Iterator[Fault]:
    call_ids: set[str] = set()
    for at, message in enumerate(messages):
        calls, path = message.get("tool_calls"), ("messages", at)
        if calls is not None and message["role"] == "assistant":
            yield from _calls(f"messages[{at}].tool_calls", calls, known, call_ids, (*path, "tool_calls"))
        call_id = message.get("tool_call_id")
        if message["role"] == "tool" and (type(call_id) is not str or call_id not in call_ids):
            text = f"messages[{at}] answers no call: tool_call_id '{one_line(str(call_id))}'"
            hint = "give it the id of a call in an earlier assistant message"
            yield Fault("RFT228", text, hint, path=(*path, "tool_call_id"))


def _unanswered(messages: list[dict[str, Any]]) -> Iterator[Fault]:
    """Name the first call that the tool messages right after it leave open; the API refuses that."""
    open_calls: dict[str, Path] = {}
    for at, message in enumerate([*messages, {"role": "end"}]):
        if message["role"] == "tool":
            open_calls.pop(message["tool_call_id"], None)
            continue
        for call_id, path in list(open_calls.items())[:1]:
            text = f"call '{one_line(call_id)}' has no answer before messages[{at}]"
            yield Fault("RFT228", text, "let a message of role 'tool' with its id follow the call", path=path)
            return
        calls = message.get("tool_calls") if message["role"] == "assistant" else None
        open_calls = {
            call["id"]: ("messages", at, "tool_calls", n, "id") for n, call in enumerate(calls or [])
        }


def check_tools(tools: Any) -> Iterator[Fault]:
    """Check tool definitions, of a row or of a spec."""
    if type(tools) is not list or not tools:
        yield Fault("RFT226", "tools is not a list of tool definitions", _SHAPE_HINT, path=("tools",))
        return
    names: set[str] = set()
    for at, tool in enumerate(tools):
        path: Path = ("tools", at)
        function = tool.get("function") if type(tool) is dict else None
        if type(function) is not dict or tool.get("type") != "function":
            yield Fault("RFT226", f"tools[{at}] is not a function definition", _SHAPE_HINT, path=path)
            continue
        yield from _definition(f"tools[{at}].function", function, names, (*path, "function"))


def _definition(where: str, function: dict[str, Any], names: set[str], path: Path) -> Iterator[Fault]:
    name = function.get("name")
    if type(name) is not str or not _NAME.fullmatch(name):
        hint = "1 to 64 letters, digits, '_' or '-'"
        text = f"{where}.name '{one_line(str(name))}' is not a tool's name"
        yield Fault("RFT226", text, hint, path=(*path, "name"))
    elif name in names:
        hint = "give each tool its own name"
        yield Fault("RFT226", f"{where}.name '{name}' stands twice", hint, path=(*path, "name"))
    names.add(str(name))
    parameters = function.get("parameters", {})
    problem, path = schema_problem(parameters), (*path, "parameters")
    if problem:
        text = f"{where}.parameters is no JSON Schema: {problem}"
        yield Fault("RFT226", text, "correct the schema", path=path)
    elif parameters and parameters.get("type") != "object":
        yield Fault(
            "RFT226", f"{where}.parameters is not of type 'object'", 'add "type": "object"', path=path
        )


def _calls(
    where: str, calls: Any, known: _Functions | None, call_ids: set[str], path: Path
) -> Iterator[Fault]:
    if type(calls) is not list or not calls:
        yield Fault("RFT227", f"{where} is not a list of calls", _CALL_HINT, path=path)
        return
    for at, call in enumerate(calls):
        here, text = (*path, at), f"{where}[{at}]"
        function = call.get("function") if type(call) is dict else None
        if type(function) is not dict or type(call.get("id")) is not str:
            yield Fault("RFT227", f"{text} is not a call with an id and a function", _CALL_HINT, path=here)
            continue
        if call["id"] in call_ids:
            hint = "give each call its own id"
            yield Fault(
                "RFT227", f"{text}.id '{one_line(call['id'])}' stands twice", hint, path=(*here, "id")
            )
        call_ids.add(call["id"])
        yield from _call(f"{text}.function", function, known, (*here, "function"))


def _call(where: str, function: dict[str, Any], known: _Functions | None, path: Path) -> Iterator[Fault]:
    name, arguments = function.get("name"), function.get("arguments")
    if type(name) is not str or (known is not None and name not in known):
        text = f"{where}.name '{one_line(str(name))}' is not one of the row's tools"
        yield Fault("RFT227", text, f"the row's tools: {', '.join(known or {})}", path=(*path, "name"))
        return
    try:
        value = decode(arguments) if type(arguments) is str else None
    except BadLine:
        value = None
    path = (*path, "arguments")
    if type(value) is not dict:
        text = f"{where}.arguments is not a JSON object written as a string"
        yield Fault("RFT227", text, _CALL_HINT, path=path)
        return
    if known is not None and (problem := _misfit(known[name].get("parameters") or {}, value)):
        yield Fault("RFT227", f"{where}.arguments: {problem}", f"see the schema of '{name}'", path=path)


def _misfit(schema: dict[str, Any], value: Any) -> str:
    errors = sorted(
        _validator(msgspec.json.encode(schema)).iter_errors(value), key=lambda error: list(error.path)
    )
    return one_line(errors[0].message) if errors else ""


@lru_cache(maxsize=64)
def _validator(schema: bytes) -> Any:
    import jsonschema

    return jsonschema.Draft202012Validator(msgspec.json.decode(schema))
