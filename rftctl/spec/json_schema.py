"""JSON Schemas that stand in specs and rows: is it one, and does it know a path?

In: a schema of any origin. Out: what is wrong with it, in one line; no network, no remote references.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

_BRANCHES = ("anyOf", "oneOf", "allOf")
_MAX_REFS = 32


def schema_problem(schema: Any) -> str:
    """Say why something is no JSON Schema (2020-12), or "" when it is one."""
    if not isinstance(schema, dict):
        return "it is not an object"
    import jsonschema

    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        where = ".".join(str(key) for key in error.path) or "the schema"
        return one_line(f"{where}: {error.message}")
    return ""


def missing_segment(schema: dict[str, Any], segments: Sequence[str | int]) -> int | None:
    """Return the index of the first path segment that no value of this schema can have, or None.

    Segments are keys of objects and indexes of lists. What the schema leaves open counts as possible.
    """
    level = _branches(schema, schema, _MAX_REFS)
    for index, segment in enumerate(segments):
        below = [part for node in level for part in _step(node, segment)]
        if not below:
            return index
        level = [branch for part in below for branch in _branches(part, schema, _MAX_REFS)]
    return None


def known_properties(schema: dict[str, Any], segments: Sequence[str | int]) -> list[str]:
    """Name the properties that an object below these segments may have."""
    level = _branches(schema, schema, _MAX_REFS)
    for segment in segments:
        level = [
            branch
            for node in level
            for part in _step(node, segment)
            for branch in _branches(part, schema, _MAX_REFS)
        ]
    return sorted({key for node in level for key in node.get("properties", {})})


def _branches(node: Any, root: dict[str, Any], depth: int) -> list[dict[str, Any]]:
    if not isinstance(node, dict) or depth == 0:
        return [{}]
    reference = node.get("$ref")
    if isinstance(reference, str):
        return _branches(_follow(reference, root), root, depth - 1)
    for key in _BRANCHES:
        if isinstance(node.get(key), list):
            return [found for part in node[key] for found in _branches(part, root, depth - 1)]
    return [node]


def _follow(reference: str, root: dict[str, Any]) -> Any:
    node: Any = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        node = node.get(name) if isinstance(node, dict) and name else node
    return node if reference.startswith("#") else {}


def _step(node: dict[str, Any], segment: str | int) -> list[Any]:
    kinds = node.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if isinstance(segment, int):
        return [node.get("items", {})] if not kinds or "array" in kinds else []
    if kinds and "object" not in kinds:
        return []
    properties = node.get("properties", {})
    if segment in properties:
        return [properties[segment]]
    # Structured outputs are strict: an object holds what its properties name, unless it says otherwise.
    return [] if properties and node.get("additionalProperties", False) is False else [{}]
