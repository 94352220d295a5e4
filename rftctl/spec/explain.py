"""Say in a spec's own words what pydantic found wrong with it.

In: pydantic's errors. Out: findings RFT120 to RFT123 and RFT126, one a key, each with a way out.
"""

from __future__ import annotations

import difflib
import math
import typing
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from rftctl.finding import Finding, Level
from rftctl.spec.model import RunSpec
from rftctl.spec.overlay import suggest
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from rftctl.finding import Place
    from rftctl.strict_yaml import Key

_USER_SIDE = frozenset(
    {"api_key", "api_key_env", "base_url", "endpoint", "judges", "providers", "notifiers", "headers", "token"}
)
_MOVED = {
    "test_file": "evaluate.test_file",
    "n_epochs": "hyperparameters.n_epochs",
    "batch_size": "hyperparameters.batch_size",
    "learning_rate_multiplier": "hyperparameters.learning_rate_multiplier",
    "eval_interval": "hyperparameters.eval_interval",
    "eval_samples": "hyperparameters.eval_samples",
    "reasoning_effort": "hyperparameters.reasoning_effort",
    "compute_multiplier": "hyperparameters.compute_multiplier",
    "learning_rate": "engine.learning_rate",
    "num_generations": "engine.num_generations",
    "max_usd": "budget.max_usd",
    "rules": "watch.rules",
}
_RANGE = {
    "greater_than": "above {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "below {lt}",
    "less_than_equal": "{le} or less",
    "string_too_short": "at least {min_length} character long",
    "string_too_long": "at most {max_length} characters long",
    "string_pattern_mismatch": "letters, digits, '.', '_' and '-', starting with a letter or digit",
}
_TYPE = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "a string",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
}


def explain_errors(
    error: ValidationError, value: Mapping[str, Any], place: Callable[..., Place]
) -> list[Finding]:
    """Make one finding for each key that pydantic refused."""
    by_path: dict[tuple[Key, ...], list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        by_path.setdefault(_path(detail, value), []).append(detail)
    unknown = {path for path, details in by_path.items() if details[0]["type"] == "extra_forbidden"}
    return [
        _finding(path, details, place)
        for path, details in by_path.items()
        if details[0]["type"] != "missing" or not _is_misspelt(path, unknown)
    ]


def known_keys(path: tuple[Key, ...]) -> list[str]:
    """Name the keys a spec may have under a path."""
    model: Any = RunSpec
    for key in path:
        if isinstance(key, int) or model is None:
            continue
        annotation = model.model_fields[key].annotation if key in model.model_fields else None
        model = model_in(annotation)
    return list(model.model_fields) if model else []


def _is_misspelt(missing: tuple[Key, ...], unknown: set[tuple[Key, ...]]) -> bool:
    """Whether an unknown key beside a missing one is that key misspelt; then one finding says both."""
    beside = [str(path[-1]) for path in unknown if path[:-1] == missing[:-1]]
    return bool(difflib.get_close_matches(str(missing[-1]), beside, n=1))


def model_in(annotation: Any) -> type[BaseModel] | None:
    """Find the part of a spec that a field holds, also in a list of them; None for a plain value."""
    for part in (annotation, *typing.get_args(annotation)):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def _path(detail: ErrorDetails, value: Any) -> tuple[Key, ...]:
    """Drop the branch names that pydantic puts behind the key of a union."""
    loc = detail["loc"]
    if detail["type"] in ("missing", "extra_forbidden"):
        return tuple(loc)
    path: list[Key] = []
    for key in loc:
        has_key = isinstance(value, dict) and key in value
        if not has_key and not (isinstance(value, list) and isinstance(key, int) and key < len(value)):
            break
        value = value[key]
        path.append(key)
    return tuple(path)


def _finding(path: tuple[Key, ...], details: list[ErrorDetails], place: Callable[..., Place]) -> Finding:
    name, first = ".".join(str(key) for key in path), details[0]
    if first["type"] == "extra_forbidden":
        hint = _unknown_hint(path)
        at = place(*path, of_key=True)
        return Finding("RFT120", Level.ERROR, at, f"key '{one_line(name)}' is not known", hint)
    if first["type"] == "missing":
        return Finding("RFT121", Level.ERROR, place(*path), f"key '{name}' is missing", f"add `{path[-1]}:`")
    wanted = _wanted(details)
    # `version: "1"` would read: '1' is not 1.
    is_text = isinstance(first["input"], str) and first["input"] == wanted
    shown = _shown(first["input"]) + (" is text, and" if is_text else "")
    code = "RFT123" if any(d["type"] in _RANGE for d in details) or _has_only_literals(details) else "RFT122"
    return Finding(code, Level.ERROR, place(*path), f"{name} {shown} is not {wanted}", _hint(details))


def _unknown_hint(path: tuple[Key, ...]) -> str:
    name = str(path[-1])
    if name in _USER_SIDE:
        return "a spec holds no hosts and no keys; define them in your config.yaml or the environment"
    if len(path) == 1 and name in _MOVED:
        return f"write it as {_MOVED[name]}"
    return suggest(name, known_keys(path[:-1]))


def _has_only_literals(details: list[ErrorDetails]) -> bool:
    return all(detail["type"] == "literal_error" for detail in details)


def _wanted(details: list[ErrorDetails]) -> str:
    parts = []
    for detail in details:
        kind, context = detail["type"], detail.get("ctx") or {}
        if kind == "literal_error":
            parts.append(str(context.get("expected", "one of the known words")))
        elif kind in _RANGE:
            parts.append(_RANGE[kind].format(**context))
        else:
            parts.append(_TYPE.get(kind, one_line(detail["msg"].lower())))
    return ", nor ".join(dict.fromkeys(parts))


def _hint(details: list[ErrorDetails]) -> str:
    value = details[0]["input"]
    kinds = {detail["type"] for detail in details}
    if "bool_type" in kinds and isinstance(value, str):
        return "write true or false; YAML 1.2 reads yes, no, on and off as text"
    if isinstance(value, float) and kinds & {"int_type", "int_from_float"}:
        return f"write {math.floor(value)} or {math.floor(value) + 1}"
    if kinds & {"int_type", "float_type"} and isinstance(value, str):
        return _number_hint(value, details)
    if "string_type" in kinds:
        return "put it in quotes"
    if "literal_error" in kinds and isinstance(value, str):
        return _literal_hint(value, details)
    return "rftctl schema prints what each key takes"


def _number_hint(value: str, details: list[ErrorDetails]) -> str:
    try:
        float(value)
    except ValueError:
        return _literal_hint(value, details)
    return f"write {value} without quotes"


def _literal_hint(value: str, details: list[ErrorDetails]) -> str:
    expected = " ".join(str((detail.get("ctx") or {}).get("expected", "")) for detail in details)
    words = [word for word in expected.replace(",", " ").replace("'", " ").split() if word != "or"]
    if value in words and f"'{value}'" not in expected:
        return f"write {value} without quotes"
    return suggest(value, words) or "rftctl schema prints what each key takes"


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "(a mapping)" if isinstance(value, dict) else "(a list)"
    if value is None:
        return "(nothing)"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"'{one_line(text, limit=60)}'"
