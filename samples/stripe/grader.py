"""Grade a Stripe API snippet by reading it, never by running it.

In: the model's Python, and the row's `want` (ids and arguments), `api` (the operation's names, types and
required arguments, read from the typed parameters of the `stripe` package) and `fence` (whether the prompt
asks for a code block). Out: a reward of 0 to 1: 0.3 for the operation, 0.7 for the share of right values,
less what arguments cost that are invented, missing or not asked for. Another operation, two calls, or a call
that need not run earn 0. Standard library only.
"""

import ast
import re
from collections.abc import Iterator
from typing import Any

OPERATION, VALUES = 0.3, 0.7
INVENTED, MISSING, UNASKED, BAD_ENUM = 0.5, 0.25, 0.25, 0.25
WRONG_TYPE = 0.5
# How a request is sent, not what it does.
FREE = {"api_key", "idempotency_key"}
MAX_CHARACTERS = 4_000
BLOCK = re.compile(r"\s*```(?:python3?|py)?[ \t\r]*\n(.*?)\n?[ \t]*```\s*", re.DOTALL | re.IGNORECASE)
PRINTED = (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.JoinedStr, ast.FormattedValue, ast.Load)
KEY = re.compile(r"[A-Za-z_][\w-]*")
UNREADABLE = object()


class RefusedError(ValueError):
    """The snippet is not one call of the right operation in straight-line code."""


def grade(sample: dict[str, Any], item: dict[str, Any]) -> float:
    """Pay the right operation and its right values; take away for what the API would refuse."""
    want, api = item["want"], item["api"]
    if not want or not api:
        return 0.0
    try:
        call, names = read_snippet(code_of(sample.get("output_text") or "", item["fence"]))
        given = dict(leaves("", read_arguments(call, names, api)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return 0.0
    wanted = dict(leaves("", want))
    right = sum(
        credit(given[path], value, api["types"].get(path)) for path, value in wanted.items() if path in given
    )
    return max(0.0, OPERATION + VALUES * right / len(wanted) - cost_of(given, wanted, api))


def code_of(text: str, fence: bool) -> str:
    """Take the code out of the one code block that must be there, or must not be."""
    if len(text) > MAX_CHARACTERS or text.count("```") != 2 * fence:
        raise RefusedError
    found = BLOCK.fullmatch(text)
    if bool(found) != fence:
        raise RefusedError
    return found[1] if found else text.strip()


def read_snippet(code: str) -> tuple[ast.Call, dict[str, Any]]:
    """Find the one call among statements that run one after the other, and the names set before it."""
    call: ast.Call | None = None
    before: dict[str, Any] = {}
    names: dict[str, Any] = {}
    seen: list[str] = []
    for statement in ast.parse(code).body:
        if is_setup(statement, seen) or (call is not None and is_print(statement)):
            continue
        name, value = target_of(statement)
        if name in names or name in ("stripe", "client", "print"):
            raise RefusedError
        if isinstance(value, ast.Call) and call is None:
            call, before, read = value, dict(names), UNREADABLE
        else:
            read = value_of(value, names)
            # What raises before the call keeps it from running; what is called after it is a second call.
            if name is None or not is_readable(read):
                raise RefusedError
        if name is not None:
            names[name] = read
    if call is None:
        raise RefusedError
    return call, before


def is_readable(value: Any) -> bool:
    """Tell whether nothing in a value had to be computed."""
    if isinstance(value, list | dict):
        return all(map(is_readable, value.values() if isinstance(value, dict) else value))
    return value is not UNREADABLE


def is_setup(statement: ast.stmt, seen: list[str]) -> bool:
    """Let the SDK be imported, a key be set and a client be made, although the prompt has done all that."""
    known = ["import stripe", "from stripe import StripeClient"]
    value = statement.value if isinstance(statement, ast.Assign) else None
    key = value.args[0] if isinstance(value, ast.Call) and len(value.args) == 1 else value
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        known += [f"stripe.api_key = {key.value!r}", f"client = stripe.StripeClient({key.value!r})"]
        # Without its import the name would raise.
        known += [f"client = StripeClient({key.value!r})"] if known[1] in seen else []
    seen.append(ast.unparse(statement))
    return seen[-1] in known


def is_print(statement: ast.stmt) -> bool:
    """Let what the call returned be printed; nothing that is printed may call anything."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or dotted(call.func) != "print" or call.keywords:
        return False
    return all(isinstance(part, PRINTED) for argument in call.args for part in ast.walk(argument))


def target_of(statement: ast.stmt) -> tuple[str | None, ast.expr]:
    """Take `name = value`, or a value alone, apart; refuse every other statement."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return None, statement.value
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        if isinstance(target, ast.Name):
            return target.id, statement.value
    raise RefusedError


def dotted(node: ast.expr) -> str:
    """Write `a.b.c` as text; anything else is empty."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def value_of(node: ast.expr, names: dict[str, Any]) -> Any:
    """Read a literal, or a name that was given one; what must be computed is UNREADABLE, equal to nothing."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return names.get(node.id, UNREADABLE)
    if isinstance(node, ast.List):
        return [value_of(part, names) for part in node.elts]
    if isinstance(node, ast.Dict):
        return join(
            keyed(key, value_of(value, names)) for key, value in zip(node.keys, node.values, strict=True)
        )
    if (
        isinstance(node, ast.UnaryOp)
        and isinstance(node.op, ast.USub)
        and isinstance(node.operand, ast.Constant)
    ):
        return -node.operand.value if type(node.operand.value) in (int, float) else UNREADABLE
    if any(isinstance(part, ast.Call | ast.NamedExpr | ast.Await) for part in ast.walk(node)):
        raise RefusedError
    return UNREADABLE


def keyed(key: ast.expr | None, value: Any) -> Any:
    """Pair a key with its value; `**value` has none."""
    if key is None:
        return value
    return {key.value: value} if isinstance(key, ast.Constant) else UNREADABLE


def join(parts: Iterator[Any]) -> dict[str, Any]:
    """Join dicts with text keys; a second value for a key must not replace the first."""
    found: dict[str, Any] = {}
    for part in parts:
        # A key such as `items.0.price` would pass for the path of a nested argument.
        if not isinstance(part, dict) or not all(isinstance(key, str) and KEY.fullmatch(key) for key in part):
            raise RefusedError
        if set(part) & set(found):
            raise RefusedError
        found |= part
    return found


def read_arguments(call: ast.Call, names: dict[str, Any], api: dict[str, Any]) -> dict[str, Any]:
    """Read ids and arguments of the wanted operation in either style; refuse any other operation."""
    root, _, path = dotted(call.func).partition(".")
    positional = [value_of(node, names) for node in call.args]
    ids, rest = positional[: api["n_ids"]], positional[api["n_ids"] :]
    named = [(k.arg and ast.Constant(k.arg), value_of(k.value, names)) for k in call.keywords]
    keywords = join(keyed(key, value) for key, value in named)
    if any(isinstance(one, dict | list) for one in ids):
        raise RefusedError
    if root == "stripe" and path == api["class"] and not rest:
        arguments = keywords
    elif root == "client" and path.removeprefix("v1.") == api["service"]:
        arguments = client_arguments(rest, keywords)
    else:
        raise RefusedError
    return {**{f"id {n}": one for n, one in enumerate(ids)}, **arguments}


def client_arguments(rest: list[Any], keywords: dict[str, Any]) -> dict[str, Any]:
    """Read `create({...}, {...})` or `create(params={...}, options={...})`.

    A client's method has no other keywords: a field given as one is a TypeError, so it counts as invented.
    """
    slots = ("params", "options")
    if len(rest) > len(slots):
        raise RefusedError
    given = join(iter([dict(zip(slots, rest, strict=False)), keywords]))
    params, options = (given.pop(slot, None) or {} for slot in slots)
    if not isinstance(params, dict) or not isinstance(options, dict):
        raise RefusedError
    return {**params, **{f"keyword {key}": value for key, value in given.items()}, **_options(options)}


def _options(options: dict[str, Any]) -> dict[str, Any]:
    return {key if key in FREE else f"option {key}": value for key, value in options.items()}


def leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Lay nested arguments out flat: `line_items.0.price` and its value."""
    if isinstance(value, dict) and (value or not path):
        for key, part in value.items():
            yield from leaves(f"{path}.{key}" if path else key, part)
    elif isinstance(value, list) and any(isinstance(part, dict) for part in value):
        for n, part in enumerate(value):
            yield from leaves(f"{path}.{n}", part)
    else:
        yield path, value


def price_of(path: str, api: dict[str, Any]) -> float:
    """Tell what an argument costs that nobody asked for: less where the operation knows it."""
    if path in FREE:
        return 0.0
    name, allowed = plain(path), api["allowed"]
    while name not in allowed and "." in name:
        name = name.rpartition(".")[0]
    # A part of an argument whose parts are listed is invented unless it is among them.
    is_known = name in allowed and (
        name == plain(path) or not any(one.startswith(f"{name}.") for one in allowed)
    )
    return UNASKED if is_known or f"{name}.*" in allowed else INVENTED


def plain(path: str) -> str:
    """Write `items.0.price` as `items.price`."""
    return re.sub(r"\.\d+(?=\.|$)", "", path)


def credit(given: Any, right: Any, kind: Any) -> float:
    """1.0 for the value in its type, 0.5 for a number or truth value written as text, else 0.0."""
    if isinstance(right, list) and isinstance(given, list):
        return float(sorted(map(str, given)) == sorted(map(str, right)))
    if type(given) is type(right) or (kind == "number" and type(given) in (int, float)):
        return float(given == right)
    texts = (str(right), str(right).lower()) if isinstance(right, bool | int) else ()
    return WRONG_TYPE if given in texts else 0.0


def cost_of(given: dict[str, Any], wanted: dict[str, Any], api: dict[str, Any]) -> float:
    """Add up what arguments cost that are missing, invented, not asked for, or outside their enum."""
    names = {path.partition(".")[0] for path in given}
    cost = MISSING * sum(name not in names for name in api["required"])
    for path, value in given.items():
        enum = api["types"].get(path)
        if path not in wanted:
            cost += price_of(path, api)
        elif isinstance(enum, list) and value not in enum:
            cost += BAD_ENUM
    return cost
