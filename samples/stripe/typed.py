"""Read what an operation takes from the typed parameters of the `stripe` package.

In: the two names of an operation, `payment_intents.capture` of a client, `PaymentIntent.capture` of a class.
Out: its arguments' types, enum values and required names, laid out flat as the grader looks them up. Only
build.py needs this.
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

import stripe
import stripe.params
from typing_extensions import is_typeddict

SCALARS = {int: "int", str: "str", bool: "bool", float: "number"}
# Names that the package's annotations use without importing them at run time.
ELSEWHERE = {"StripeContext": Any, "Mapping": Mapping}
OPTIONS = frozenset(stripe.RequestOptions.__annotations__)

Types = dict[str, Any]


def read_operation(service: str, by_class: str, opened: frozenset[str]) -> dict[str, Any]:
    """Describe an operation.

    Args:
        opened: nested arguments whose parts are listed too, as `items.price`; the others are "any".

    Returns:
        `allowed` maps each argument to its type's name or its enum's values.

    Raises:
        SystemExit: the client's method and the class's do not take the same.
    """
    one, other = _client_method(service), _class_method(by_class)
    described = [(_n_ids(method), *_lay_out(_params_of(method), opened)) for method in (one, other)]
    if described[0] != described[1]:
        raise SystemExit(f"{service} and {by_class} take different arguments")
    n_ids, found, required = described[0]
    needed = [f"id {n}" for n in range(n_ids)] + required
    return {"service": service, "class": by_class, "n_ids": n_ids, "allowed": found, "required": needed}


def _client_method(service: str) -> Any:
    found: Any = stripe.StripeClient("sk_test_none").v1
    *owners, name = service.split(".")
    for owner in owners:
        found = getattr(found, owner)
    return getattr(type(found), name)


def _class_method(by_class: str) -> Any:
    found: Any = stripe
    *owners, name = by_class.split(".")
    for owner in owners:
        found = getattr(found, owner)
    # A method of both class and instance keeps its class variant under this name.
    return getattr(found, f"_cls_{name}", None) or getattr(found, name)


def _n_ids(method: Any) -> int:
    kinds = [
        p.kind
        for name, p in inspect.signature(method).parameters.items()
        if name not in ("self", "params", "options")
    ]
    if inspect.Parameter.POSITIONAL_OR_KEYWORD in kinds:
        raise SystemExit(f"{method.__qualname__} takes an id by keyword too")
    return kinds.count(inspect.Parameter.POSITIONAL_ONLY)


def _params_of(method: Any) -> Any:
    note = str(inspect.signature(method).parameters["params"].annotation)
    [name] = re.findall(r"\w+Params\b", note)
    owner = method.__module__.split(".")[1:-1]
    found: Any = stripe.params
    for part in owner:
        found = getattr(found, part)
    return getattr(found, name)


@cache
def _hints(params: Any) -> dict[str, Any]:
    return typing.get_type_hints(params, localns=ELSEWHERE)


def _lay_out(params: Any, opened: frozenset[str]) -> tuple[Types, list[str]]:
    found: Types = {}
    for name, hint in _hints(params).items():
        if name not in OPTIONS:
            _describe(name, hint, opened, found)
    return found, sorted(params.__required_keys__ - OPTIONS)


def _describe(path: str, hint: Any, opened: frozenset[str], found: Types) -> None:
    alternatives = [one for one in _alternatives(hint) if one != ""]
    enum = [one for one in alternatives if isinstance(one, str)]
    kinds = [one for one in alternatives if not isinstance(one, str)]
    scalars = [SCALARS[one] for one in kinds if one in SCALARS]
    # A literal beside `str` leaves room for newer values; beside a number it is one of two ways to answer.
    if enum and set(scalars) <= {"str"}:
        found[path] = enum
    else:
        found[path] = scalars[0] if scalars and not enum else "any"
    if path not in opened:
        return
    for one in kinds:
        if typing.get_origin(one) is dict:
            found[f"{path}.*"] = "str"
        # The parts of a list's entries are written like the parts of the list.
        for part in _alternatives(typing.get_args(one)[0]) if typing.get_origin(one) is list else [one]:
            for name, inner in _hints(part).items() if is_typeddict(part) else ():
                _describe(f"{path}.{name}", inner, opened, found)


def _alternatives(hint: Any) -> list[Any]:
    """List a union's members and a literal's values."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return [inner for one in typing.get_args(hint) for inner in _alternatives(one)]
    if origin is typing.Literal:
        return list(typing.get_args(hint))
    if origin in (typing.NotRequired, typing.Required):
        return _alternatives(typing.get_args(hint)[0])
    return [hint]
