"""The JSON Schema of a run spec, for editors: completion, hover texts and red lines while typing.

In: nothing. Out: a schema of draft 2020-12 with a description on every key, enums, ranges and defaults.
It takes every spec that validation takes; what it cannot say (files, dates, templates) validation says.
"""

from __future__ import annotations

from typing import Any

from rftctl.spec.model import RunSpec
from rftctl.spec.overlay import MERGED_KEYS

_TEXT = {"type": "string"}
_TEMPLATE = "A text with {{item.FIELD}} of the row and {{sample.output_text}} of the model."
_METRICS = ["fuzzy_match", "bleu", "gleu", "meteor", "rouge_1", "rouge_2", "rouge_3", "rouge_4", "rouge_5"]
_KEYS: dict[str, dict[str, Any]] = {
    "name": {**_TEXT, "description": "The grader's name, for people."},
    "input": {**_TEXT, "description": _TEMPLATE},
    "reference": {**_TEXT, "description": _TEMPLATE},
    "operation": {
        "enum": ["eq", "ne", "like", "ilike"],
        "description": "Equal, not equal, input contains reference, the same in any case.",
    },
    "evaluation_metric": {"enum": [*_METRICS, "rouge_l"], "description": "How alike two texts are, 0 to 1."},
    "pass_threshold": {"type": "number", "description": "For evals only; without effect in fine-tuning."},
    "source": {**_TEXT, "description": "Python that defines grade(sample, item) and returns a number."},
    "image_tag": {**_TEXT, "description": "The hosted image; 2025-05-08 is the documented one."},
    "model": {**_TEXT, "description": "The model that judges."},
    "messages": {
        "type": ["array", "string"],
        "description": "The judge's messages; templates are filled in.",
    },
    "range": {
        "type": "array",
        "prefixItems": [{"type": "number"}, {"type": "number"}],
        "minItems": 2,
        "maxItems": 2,
        "default": [0, 1],
        "description": "Lowest and highest reward; the judge's number is clipped to it.",
    },
    "sampling_params": {
        "type": "object",
        "description": "temperature, top_p, seed, max_completions_tokens, reasoning_effort.",
    },
    "labels": {"type": "array", "items": _TEXT, "description": "The labels that the judge chooses from."},
    "passing_labels": {"type": "array", "items": _TEXT, "description": "The labels that earn 1."},
    "graders": {
        "type": "object",
        "additionalProperties": {"$ref": "#/$defs/Grader"},
        "description": "Name -> grader; the names are the variables of calculate_output.",
    },
    "calculate_output": {
        **_TEXT,
        "description": "A formula of the names: + - * / ^ min max abs floor ceil exp sqrt log.",
    },
    "url": {**_TEXT, "format": "uri", "description": "Where the grader answers, https."},
    "headers": {"type": "object", "description": "Headers that go along."},
    "rate_limit": {"type": "number", "exclusiveMinimum": 0, "description": "Requests per second."},
    "lambda": {
        "type": "object",
        "properties": {"function": {**_TEXT, "description": "The function's ARN."}},
        "required": ["function"],
        "description": "The AWS Lambda function that grades.",
    },
    "handler": {**_TEXT, "description": "The function's Python code, to grade here by a local copy."},
}
GRADERS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "string_check": ("Compares two texts.", ("name", "input", "reference", "operation"), ("pass_threshold",)),
    "text_similarity": (
        "Says how alike two texts are.",
        ("name", "input", "reference", "evaluation_metric"),
        ("pass_threshold",),
    ),
    "python": ("Your own code, in a sandbox.", ("source",), ("name", "image_tag", "pass_threshold")),
    "score_model": (
        "A model gives a number.",
        ("name", "model", "messages"),
        ("range", "sampling_params", "pass_threshold"),
    ),
    "label_model": (
        "A model chooses a label; only inside a multi.",
        ("name", "model", "messages", "labels", "passing_labels"),
        ("sampling_params",),
    ),
    "multi": (
        "Graders and a formula of theirs.",
        ("graders", "calculate_output"),
        ("name", "pass_threshold"),
    ),
    "endpoint": (
        "A grader behind a URL; Azure's preview.",
        ("url",),
        ("name", "headers", "rate_limit", "pass_threshold"),
    ),
    "lambda": ("An AWS Lambda function; Bedrock's grader.", ("lambda",), ("name", "handler")),
}
"""Type -> what it is, the keys it must have, further ones; the graders' own checks are held against it."""
_FROM_FILES = ("source", "handler")


def spec_schema() -> dict[str, Any]:
    """Make the JSON Schema of a spec, with a description on every field, for editors."""
    schema = _without_titles(RunSpec.model_json_schema())
    schema["$defs"]["Grader"] = _grader()
    properties = schema["properties"]
    properties["grader"] = {"$ref": "#/$defs/Grader", "description": properties["grader"]["description"]}
    schema["$defs"]["Target"] = _target(properties, schema["$defs"])
    properties["targets"]["additionalProperties"] = {"$ref": "#/$defs/Target"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "rftctl run spec",
        **schema,
    }


def _target(properties: dict[str, Any], parts: dict[str, Any]) -> dict[str, Any]:
    """Make the schema of an overlay: any key of a spec, or null to take it away."""
    overlaid = {}
    for name, part in properties.items():
        if name in MERGED_KEYS and "$ref" in part:
            inner = parts[part["$ref"].rsplit("/", 1)[-1]]
            keys = {key: _or_null(value) for key, value in inner["properties"].items()}
            part = {**part, "type": "object", "properties": keys, "additionalProperties": False}
            del part["$ref"]
        if name != "targets":
            overlaid[name] = _or_null(part)
    return {
        "type": "object",
        "description": "What this target lays over the spec.",
        "properties": overlaid,
        "additionalProperties": False,
    }


def _or_null(part: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [_loose(part), {"type": "null"}], "description": part["description"]}


def _loose(part: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key not in ("default", "description")}


def _grader() -> dict[str, Any]:
    types = {"enum": list(GRADERS), "description": "What kind of grader it is."}
    return {
        "type": "object",
        "description": "The API's grader JSON.",
        "required": ["type"],
        "allOf": [
            {"properties": {"type": types}},
            *(
                {"if": {"properties": {"type": {"const": kind}}}, "then": _grader_of(*parts)}
                for kind, parts in GRADERS.items()
            ),
        ],
    }


def _grader_of(what: str, required: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, Any]:
    names = [(_written(name), _KEYS[name]) for name in (*required, *optional)]
    properties = {"type": {"description": what}} | dict(names)
    for name in _FROM_FILES:
        if name in (*required, *optional):
            properties[f"{name}_file"] = {**_TEXT, "description": f"A file that holds the {name}."}
    must = [_written(name) for name in required if name not in _FROM_FILES]
    choices = [
        {"anyOf": [{"required": [name]}, {"required": [f"{name}_file"]}]}
        for name in required
        if name in _FROM_FILES
    ]
    return (
        {"properties": properties, "required": must, "allOf": choices}
        if choices
        else {
            "properties": properties,
            "required": must,
        }
    )


def _written(name: str) -> str:
    # Judges' messages stand under `input` too, in another shape than the template of the other types.
    return "input" if name == "messages" else name


def _without_titles(node: Any, *, are_names: bool = False) -> Any:
    """Drop the titles pydantic makes of field names; editors would show them in place of descriptions."""
    if isinstance(node, list):
        return [_without_titles(part) for part in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_titles(part, are_names=key in ("properties", "$defs") and not are_names)
        for key, part in node.items()
        if are_names or key != "title"
    }
