"""Check what a spec says about the model's output: its response format, its tools, and who reads them.

In: a loaded spec. Out: findings RFT140 to RFT144. Source: chat-completions response formats; RFT guide
(`sample.output_json` exists only where a response format is set).
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from rftctl.finding import Finding, Level
from rftctl.spec.json_schema import known_properties, missing_segment, schema_problem
from rftctl.spec.reads import template_paths
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rftctl.profiles import Profile
    from rftctl.spec.load import SpecFile
    from rftctl.spec.reads import GraderPath

_KINDS = ("text", "json_object", "json_schema")
_HINT = "write {type: json_schema, json_schema: {name: ..., strict: true, schema: {...}}}"


def check_output(spec_file: SpecFile, profile: Profile | None = None) -> list[Finding]:
    """Check the response format, and every template that reads `sample.output_json` against it."""
    response_format = spec_file.spec.response_format
    findings = (
        list(_response_format(spec_file, response_format, profile)) if response_format is not None else []
    )
    schema = _schema(response_format) if not findings else None
    for read in template_paths(spec_file.grader):
        if read.path.namespace == "sample" and read.path.segments[0] == "output_json":
            findings += _json_read(spec_file, read, response_format, schema)
        elif read.path.namespace == "sample" and read.path.segments[0] == "output_audio":
            place = spec_file.place("grader", *read.keys)
            message = f"'{one_line(read.path.text)}' is empty: fine-tuning makes no audio"
            findings.append(Finding("RFT144", Level.ERROR, place, message, "read sample.output_text"))
    return findings


def _response_format(
    spec_file: SpecFile, value: dict[str, Any], profile: Profile | None
) -> Iterator[Finding]:
    place, kind = spec_file.place("response_format"), value.get("type")
    if kind not in _KINDS:
        message = f"response_format.type '{one_line(str(kind))}' is not known"
        yield Finding("RFT141", Level.ERROR, place, message, _HINT)
    elif kind == "json_schema" and "json_schema" not in value and "schema" in value:
        message = "response_format has the flat form; the API's own request nests it under json_schema"
        level = Level.WARNING if profile is not None and profile.shows_flat_response_format else Level.ERROR
        yield Finding("RFT143", level, place, message, _HINT)
    elif kind == "json_schema":
        yield from _json_schema(spec_file, value.get("json_schema"))


def _json_schema(spec_file: SpecFile, part: Any) -> Iterator[Finding]:
    place = spec_file.place("response_format", "json_schema")
    if not isinstance(part, dict) or not isinstance(part.get("name"), str):
        message = "response_format.json_schema needs a name and a schema"
        yield Finding("RFT141", Level.ERROR, place, message, _HINT)
        return
    schema = part.get("schema")
    problem = schema_problem(schema)
    if problem:
        place = spec_file.place("response_format", "json_schema", "schema")
        message = f"response_format.json_schema.schema is no JSON Schema: {problem}"
        yield Finding("RFT141", Level.ERROR, place, message, "correct the schema")


def _schema(value: dict[str, Any] | None) -> dict[str, Any] | None:
    part = (value or {}).get("json_schema")
    return part.get("schema") if isinstance(part, dict) else None


def _json_read(
    spec_file: SpecFile,
    read: GraderPath,
    response_format: dict[str, Any] | None,
    schema: dict[str, Any] | None,
) -> Iterator[Finding]:
    place = spec_file.place("grader", *read.keys)
    if response_format is None or response_format.get("type") == "text":
        message = (
            f"'{one_line(read.path.text)}' needs a response_format: without one no output is read as JSON"
        )
        yield Finding(
            "RFT140", Level.ERROR, place, message, "add response_format, or read sample.output_text"
        )
        return
    segments = read.path.segments[1:]
    at = None if schema is None else missing_segment(schema, segments)
    if schema is None or at is None:
        return
    names = known_properties(schema, segments[:at])
    near = difflib.get_close_matches(str(segments[at]), names, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"it has: {', '.join(names) or 'no properties'}"
    message = f"'{one_line(read.path.text)}' does not exist in the response format's schema"
    yield Finding("RFT142", Level.ERROR, place, message, hint)
