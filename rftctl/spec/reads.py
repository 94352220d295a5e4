"""What a grader reads: the template paths of its config, and the fields its Python code asks for.

In: the API's grader JSON with its files in place. Out: paths with the keys under which they stand.
A template that does not parse is skipped here; the grader's own check reports it.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rftctl.template import TemplateSyntaxError, parse_template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rftctl.strict_yaml import Key
    from rftctl.template import TemplatePath

_TEMPLATE_KEYS = ("input", "reference")
_MODEL_TYPES = ("score_model", "label_model")


@dataclass(frozen=True, slots=True)
class GraderPath:
    """A template variable, and the keys below `grader` of the text it stands in."""

    keys: tuple[Key, ...]
    path: TemplatePath


def template_paths(grader: dict[str, Any]) -> list[GraderPath]:
    """Collect every template variable of a grader and of the graders inside it."""
    return [
        GraderPath((*keys, *below), path)
        for keys, part in inner_graders(grader)
        for key in _TEMPLATE_KEYS
        for below, text in _strings(part.get(key), (key,))
        for path in _paths(text)
    ]


def inner_graders(grader: dict[str, Any]) -> Iterator[tuple[tuple[Key, ...], dict[str, Any]]]:
    """Yield a grader and, for a `multi`, the graders inside it, each with its keys below `grader`."""
    yield (), grader
    parts = grader.get("graders")
    if grader.get("type") == "multi" and isinstance(parts, dict):
        for name, part in parts.items():
            if isinstance(part, dict):
                yield ("graders", name), part


def model_graders(grader: dict[str, Any]) -> list[tuple[tuple[Key, ...], dict[str, Any]]]:
    """List the graders that ask a model."""
    return [(keys, part) for keys, part in inner_graders(grader) if part.get("type") in _MODEL_TYPES]


def python_fields(grader: dict[str, Any]) -> list[tuple[tuple[Key, ...], str]]:
    """List the row fields that Python graders read as `item["NAME"]`, which fails where it is missing."""
    return [
        (keys, name)
        for keys, part in inner_graders(grader)
        if part.get("type") == "python" and isinstance(part.get("source"), str)
        for name in _item_keys(part["source"])
    ]


def _strings(value: Any, keys: tuple[Key, ...]) -> Iterator[tuple[tuple[Key, ...], str]]:
    if isinstance(value, str):
        yield keys, value
    elif isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _strings(part, (*keys, key))


def _paths(text: str) -> tuple[TemplatePath, ...]:
    try:
        return parse_template(text).paths
    except TemplateSyntaxError:
        return ()


def _item_keys(source: str) -> list[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    grade = next(
        (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "grade"), None
    )
    if grade is None or len(grade.args.args) < 2:
        return []
    item = grade.args.args[1].arg
    names = [_constant_key(node, item) for node in ast.walk(grade) if isinstance(node, ast.Subscript)]
    return list(dict.fromkeys(name for name in names if name is not None))


def _constant_key(node: ast.Subscript, name: str) -> str | None:
    reads = isinstance(node.ctx, ast.Load) and isinstance(node.value, ast.Name) and node.value.id == name
    if reads and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return node.slice.value
    return None
