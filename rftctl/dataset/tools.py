"""Check the tools of a dataset row and the calls made with them.

In: a row whose messages have the right shape. Out: `Fault`s RFT226 (a definition), RFT227 (a call) and
RFT228 (an answer to no call). Call arguments are checked against the tool's own JSON Schema.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from rftctl.dataset.rows import Fault
from rftctl.spec.json_schema import schema_problem
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SHAPE_HINT = 'write {"type": "function", "function": {"name": ..., "parameters": {...}}}'
_CALL_HINT = 'write {"id": ..., "type": "function", "function": {"name": ..., "arguments": "{...}"}}'


def check_tool_use(row: dict[str, Any]) -> Iterator[Fault]:
    """Check a row's `tools`, every `tool_calls` against them, and every tool message against a call."""
    tools = row.get("tools")
    faults = list(check_tools(tools)) if tools is not None else []
    yield from faults
    known = (
        None if tools is None or faults else {tool["function"]["name"]: tool["function"] for tool in tools}
    )
    call_ids: set[str] = set()
    for at, message in enumerate(row["messages"]):
        calls = message.get("tool_calls")
        if calls is not None:
            yield from _calls(f"messages[{at}].tool_calls", calls, known, call_ids)
        if message["role"] == "tool" and str(message.get("tool_call_id")) not in call_ids:
            text = (
                f"messages[{at}] answers no call: tool_call_id '{one_line(str(message.get('tool_call_id')))}'"
            )
            yield Fault("RFT228", text, "give it the id of a call in an earlier assistant message")


def check_tools(tools: Any) -> Iterator[Fault]:
    """Check tool definitions, of a row or of a spec."""
    if type(tools) is not list or not tools:
        yield Fault("RFT226", "tools is not a list of tool definitions", _SHAPE_HINT)
        return
    names: set[str] = set()
    for at, tool in enumerate(tools):
        function = tool.get("function") if type(tool) is dict else None
        if type(function) is not dict or tool.get("type") != "function":
            yield Fault("RFT226", f"tools[{at}] is not a function definition", _SHAPE_HINT)
            continue
        yield from _definition(f"tools[{at}].function", function, names)


def _definition(where: str, function: dict[str, Any], names: set[str]) -> Iterator[Fault]:
    name = function.get("name")
    if type(name) is not str or not _NAME.fullmatch(name):
        hint = "1 to 64 letters, digits, '_' or '-'"
        yield Fault("RFT226", f"{where}.name '{one_line(str(name))}' is not a tool's name", hint)
    elif name in names:
        yield Fault("RFT226", f"{where}.name '{name}' stands twice", "give each tool its own name")
    names.add(str(name))
    parameters = function.get("parameters", {})
    problem = schema_problem(parameters)
    if problem:
        yield Fault("RFT226", f"{where}.parameters is no JSON Schema: {problem}", "correct the schema")
    elif parameters and parameters.get("type") != "object":
        yield Fault("RFT226", f"{where}.parameters is not of type 'object'", 'add "type": "object"')


def _calls(
    where: str, calls: Any, known: dict[str, dict[str, Any]] | None, call_ids: set[str]
) -> Iterator[Fault]:
    if type(calls) is not list or not calls:
        yield Fault("RFT227", f"{where} is not a list of calls", _CALL_HINT)
        return
    for at, call in enumerate(calls):
        function = call.get("function") if type(call) is dict else None
        if type(function) is not dict or type(call.get("id")) is not str:
            yield Fault("RFT227", f"{where}[{at}] is not a call with an id and a function", _CALL_HINT)
            continue
        call_ids.add(call["id"])
        yield from _call(f"{where}[{at}].function", function, known)


def _call(where: str, function: dict[str, Any], known: dict[str, dict[str, Any]] | None) -> Iterator[Fault]:
    name, arguments = function.get("name"), function.get("arguments")
    if known is not None and str(name) not in known:
        hint = f"the row's tools: {', '.join(known)}"
        yield Fault("RFT227", f"{where}.name '{one_line(str(name))}' is not one of the row's tools", hint)
        return
    try:
        value = msgspec.json.decode(arguments) if type(arguments) is str else None
    except (msgspec.DecodeError, RecursionError):
        value = None
    if type(value) is not dict:
        yield Fault("RFT227", f"{where}.arguments is not a JSON object written as a string", _CALL_HINT)
        return
    if known is not None and (problem := _misfit(known[str(name)].get("parameters") or {}, value)):
        yield Fault("RFT227", f"{where}.arguments: {problem}", f"see the schema of '{name}'")


def _misfit(schema: dict[str, Any], value: Any) -> str:
    errors = sorted(
        _validator(msgspec.json.encode(schema)).iter_errors(value), key=lambda error: list(error.path)
    )
    return one_line(errors[0].message) if errors else ""


@lru_cache(maxsize=64)
def _validator(schema: bytes) -> Any:
    import jsonschema

    return jsonschema.Draft202012Validator(msgspec.json.decode(schema))
