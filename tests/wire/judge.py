"""The published API description as judge of what rftctl sends.

In: the description, a request as it arrived. Out: complaints, and the keys that the description does not know
(it forbids none, so that a misspelt optional key would pass unseen).
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml
from jsonschema import Draft202012Validator

NOT_DESCRIBED = {
    "method.reinforcement.response_format": "the RFT guide has it there; the schema forgot it",
    "method.reinforcement.tools": "a vendor's preview of the same place",
    "rftctl": "sent only to a provider whose profile takes it: the embedded engine's settings",
    "trainingType": "Azure's own key of the same request",
}
"""Keys that rftctl sends although the description does not know them, and why."""


def description() -> dict[str, Any]:
    """Read the published description; KeyError where RFTCTL_OPENAPI does not name it."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: dict[str, Any] = yaml.load(Path(os.environ["RFTCTL_OPENAPI"]).read_text("utf-8"), loader)
    return found


@dataclass(frozen=True)
class Sent:
    """A request: `path` below the version, `query` in pairs, `body` as JSON or as a form's fields."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    body: Any
    is_form: bool = False

    @property
    def name(self) -> str:
        """The request in words."""
        return f"{self.method} {self.path}"


def read_body(content_type: str, body: bytes) -> Any:
    """Read a request's body: JSON, or the fields of a form with a file's bytes as text."""
    if not content_type.startswith("multipart/"):
        return json.loads(body) if body else None
    parts = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body).get_payload()
    assert isinstance(parts, list)
    fields: dict[str, Any] = {}
    for part in parts:
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        fields[str(name)] = content.decode("utf-8") if isinstance(content, bytes) else content
    return fields


class RequestJudge:
    """Holds requests against the description."""

    def __init__(self, description: dict[str, Any]) -> None:
        self._components = description["components"]
        self._operations = [
            (method.upper(), re.compile(re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(path))), operation)
            for path, operations in description["paths"].items()
            for method, operation in operations.items()
            if method in ("get", "post", "delete")
        ]

    def complaints(self, sent: Sent) -> list[str]:
        """Say what the description has against a request; nothing when it is right."""
        operation = self._operation(sent)
        if operation is None:
            return [f"there is no operation {sent.name}"]
        return [*self._query_complaints(operation, sent), *self._body_complaints(operation, sent)]

    def unknown_keys(self, sent: Sent) -> list[str]:
        """List the body's keys that the description does not know, by their dotted place."""
        schema = self._schema(self._operation(sent), sent)
        return [] if schema is None else sorted(set(self._unknown(sent.body, schema, "")))

    def _operation(self, sent: Sent) -> dict[str, Any] | None:
        for method, pattern, operation in self._operations:
            if method == sent.method and pattern.fullmatch(sent.path):
                found: dict[str, Any] = operation
                return found
        return None

    def _schema(self, operation: dict[str, Any] | None, sent: Sent) -> dict[str, Any] | None:
        form = "multipart/form-data" if sent.is_form else "application/json"
        content = ((operation or {}).get("requestBody") or {}).get("content", {})
        return dict(content[form]["schema"]) if form in content else None

    def _body_complaints(self, operation: dict[str, Any], sent: Sent) -> list[str]:
        schema = self._schema(operation, sent)
        if schema is None:
            return [f"{sent.name} takes no body"] if sent.body else []
        return [f"{error.json_path}: {error.message[:200]}" for error in self._errors(sent.body, schema)]

    def _query_complaints(self, operation: dict[str, Any], sent: Sent) -> list[str]:
        known = {
            p["name"]: p for p in map(self._resolve, operation.get("parameters", ())) if p["in"] == "query"
        }
        wrong = []
        for name, value in sent.query:
            parameter = known.get(unquote(name).partition("[")[0])
            if parameter is None:
                wrong.append(f"{sent.name} has no query parameter '{name}'")
                continue
            is_number = parameter["schema"].get("type") == "integer"
            wanted = (
                {name.partition("[")[2].rstrip("]"): value}
                if "[" in name
                else int(value)
                if is_number
                else value
            )
            wrong += [f"{name}: {error.message}" for error in self._errors(wanted, parameter["schema"])]
        return wrong

    def _errors(self, value: Any, schema: dict[str, Any]) -> list[Any]:
        return list(Draft202012Validator(schema | {"components": self._components}).iter_errors(value))

    def _resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            _, _, kind, name = schema["$ref"].split("/")
            schema = self._components[kind][name]
        return schema

    def _unknown(self, value: Any, schema: dict[str, Any], place: str) -> list[str]:
        branches = self._branches(value, schema)
        if isinstance(value, list):
            items = [branch["items"] for branch in branches if isinstance(branch.get("items"), dict)]
            return [
                key for row in value for item in items[:1] for key in self._unknown(row, item, f"{place}[]")
            ]
        if not isinstance(value, dict) or not any(branch.get("properties") for branch in branches):
            inner = [
                b["additionalProperties"] for b in branches if isinstance(b.get("additionalProperties"), dict)
            ]
            values = value.values() if isinstance(value, dict) else ()
            return [
                key
                for row in values
                for other in inner[:1]
                for key in self._unknown(row, other, f"{place}.*")
            ]
        known = {name: part for branch in branches for name, part in (branch.get("properties") or {}).items()}
        found = []
        for name, part in value.items():
            where = f"{place}.{name}".lstrip(".")
            found += self._unknown(part, known[name], where) if name in known else [where]
        return found

    def _branches(self, value: Any, schema: dict[str, Any]) -> list[dict[str, Any]]:
        """The schemas that apply to a value: all of `allOf`, and of the choices those that accept it."""
        schema = self._resolve(schema)
        found = [schema]
        for part in schema.get("allOf", ()):
            found += self._branches(value, part)
        for part in [*schema.get("anyOf", ()), *schema.get("oneOf", ())]:
            if not self._errors(value, part):
                found += self._branches(value, part)
        return found
