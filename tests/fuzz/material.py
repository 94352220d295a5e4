"""What fuzzing starts from: valid specs and rows, words of both formats, and ways to spoil them.

In: bytes and a random generator. Out: bytes that are nearly right. `SPECS` pass validation; a mutation
changes one thing in them, as people and attackers do.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

SEPARATOR = b"\n%%%% rows\n"
BROKEN = Path(__file__).parents[1] / "broken"
_BASE = {
    "version": 1,
    "name": "codes",
    "provider": "local",
    "model": "smollm2-135m",
    "training_file": "train.jsonl",
    "validation_file": "validation.jsonl",
}
_EXACT = {
    "type": "string_check",
    "name": "exact",
    "input": "{{sample.output_text}}",
    "reference": "{{item.code}}",
    "operation": "eq",
}
_SIMILAR = {
    "type": "text_similarity",
    "name": "near",
    "input": "{{sample.output_json.code}}",
    "reference": "{{item.codes[0]}}",
    "evaluation_metric": "fuzzy_match",
}
_SCHEMA = {
    "type": "object",
    "properties": {"code": {"type": "string"}},
    "required": ["code"],
    "additionalProperties": False,
}
_FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": _SCHEMA}}
_TOOL = {
    "type": "function",
    "function": {"name": "look_up", "description": "Find a code.", "parameters": _SCHEMA},
}
_PYTHON = {
    "type": "python",
    "name": "code",
    "source": 'def grade(sample, item):\n    return float(item["code"] in sample["output_text"])\n',
}
SPECS: tuple[dict[str, Any], ...] = (
    {**_BASE, "grader": _EXACT},
    {**_BASE, "grader": _PYTHON, "engine": {"num_generations": 4}, "seed": 3},
    {
        **_BASE,
        "grader": {
            "type": "multi",
            "name": "both",
            "graders": {"a": {**_EXACT, "input": "{{sample.output_json.code}}"}, "b": _SIMILAR},
            "calculate_output": "0.5 * a + max(b, 0) ^ 2",
        },
        "response_format": _FORMAT,
        "hyperparameters": {"n_epochs": 2, "batch_size": 4, "learning_rate_multiplier": 1e-1},
        "budget": {"max_usd": 5, "on_limit": "cancel"},
        "watch": {"rules": [{"when": "plateau", "patience": 3, "then": "cancel"}]},
        "targets": {"azure": {"provider": "azure", "model": "o4-mini-2025-04-16", "engine": None}},
    },
    {
        **_BASE,
        "provider": "azure",
        "model": "o4-mini-2025-04-16",
        "grader": {
            "type": "score_model",
            "name": "judge",
            "model": "gpt-4.1-2025-04-14",
            "input": [{"role": "user", "content": "Rate {{sample.output_text}} against {{ item.code }}"}],
            "range": [0, 1],
            "sampling_params": {"temperature": 0, "max_completions_tokens": 64},
        },
        "tools": [_TOOL],
        "suffix": "codes",
        "metadata": {"team": "coding"},
    },
)
_USER = {"role": "user", "content": "Which code has a fever?"}
_CALL = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": '{"code": "R50"}'}}
ROW_EXAMPLES: tuple[dict[str, Any], ...] = (
    {"messages": [_USER], "code": "R50.9", "codes": ["R50.9", "R50.8"]},
    {
        "messages": [{"role": "developer", "content": "Answer with one code. Fièvre, 熱, 🌡."}, _USER],
        "code": "R50.9",
        "codes": ["R50.9"],
        "note": None,
        "weight": -0.5,
        "deep": {"a": [{"b": [1, 2, {"c": True}]}]},
    },
    {
        "messages": [
            _USER,
            {"role": "assistant", "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "R50"},
            {"role": "user", "content": [{"type": "text", "text": "And now?"}]},
        ],
        "tools": [_TOOL],
        "code": "R50.9",
        "codes": ["R50.9"],
    },
)
ROWS = b"".join(json.dumps(row).encode() + b"\n" for row in ROW_EXAMPLES)

YAML_WORDS = (
    b"- ", b"? ", b": ", b":", b"{", b"}", b"[", b"]", b", ", b"#", b" #", b"&a ", b"*a", b"!!str ", b"!",
    b"|", b"|2-\n", b">", b">+\n", b"'", b'"', b"%YAML 1.1\n", b"%TAG ! x\n", b"---\n", b"...\n", b"<<: ",
    b"=", b"~", b"null", b"yes", b"no", b"017", b"0o17", b"0x1F", b"1e3", b"1e999", b".inf", b".nan",
    b"-.5", b"1_000", b"12:30:45", b"2026-11-22", b"{{item.x}}", b"{{ sample.output_text }}",
    b"{{item.a[0].b}}", b"${HOME}", b"\t", b"\r\n", b"\r", b"\n  ", b"\n", b"\xef\xbb\xbf", b"\xc2\x85",
    b"\xe2\x80\xa8", b"\xed\xa0\x80", b"\\ud800", b'"\\x00"', b'"\\u2028"', b"\\\n", b"\x00", b"\xff\xfe",
    b"!!python/object/apply:os.system [x]", b"!!binary aGk=", b"[" * 65, b"{a: " * 65, b"- " * 70,
    b"? - " * 30, b"9" * 20, b"0x" + b"f" * 5000, b"grader:", b"targets:", b"type: multi",
    b"source_file: /etc/passwd",
)  # fmt: skip
"""Words of YAML, of a spec, and of attacks on readers of YAML."""
JSON_WORDS = (
    b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b"\\u0000", b"\\ud800", b"\\udc00", b"\\ud83d\\ude00",
    b"\\u003a", b"\\/", b"\\x", b"null", b"true", b"false", b"NaN", b"-Infinity", b"Infinity", b"None",
    b"True", b"1e999", b"-0", b"-0.0", b"1E+2", b"01", b"1.", b".5", b"1e", b"9" * 400, b"9" * 5000,
    b"1e-400", b"[" * 65, b'{"a":' * 65, b"\n", b"\r\n", b"\r", b"\n\n", b"\t", b" ", b"\xef\xbb\xbf",
    b"\xe2\x80\xa8", b"\xc2\x85", b"\x1e", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"'", b"// x\n", b"/* */",
    b",]", b",}", b'"a":1,"a":2', b'"\\u0061":1,"a":2', b'"messages":', b'"role":"user"', b'"content":""',
    b'"tool_calls":[{}]', b'"type":"image_url"', b'"arguments":"{}"', b"{}", b"[]",
)  # fmt: skip
"""Words of JSON, of a row, and of attacks on readers of JSON."""
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 51, 2**63, 2**64, 10**18, -0.0, 0.5, 1e308, 5e-324, "", " ", "x", "yes",
    "auto", "1", "{{", "{{item.x}}", "{{item.code}}", "{{sample.output_json.x.y[0]}}", "{{row.x}}",
    "${HOME}/x", "/etc/passwd", "..", "train.jsonl", "a" * 300, "\u202eevil\u001b[2J", "\x00", "\U0001f600",
    "multi", "python", "lambda", "json_schema", [], {}, [[]], [{}], {"": {}}, {"type": "multi"},
    {"$ref": "#"}, {"type": "object", "properties": {"a": {"$ref": "#"}}},
    {"role": "user", "content": "hi"}, [{"role": "user", "content": "hi"}], {"allOf": [{"$ref": "#"}]},
    ["a"] * 40, "def grade(sample, item):\n  return 1.0", "def grade(", "a ** 2", "(" * 80, "min(a",
    "sk-" + "a" * 40,
)  # fmt: skip
"""Values that stand where others are expected."""


def seeds(target: str) -> list[bytes]:
    """List the inputs a target starts from: valid ones, and the corpus of broken files."""
    specs = [yaml.safe_dump(spec, sort_keys=False).encode() for spec in SPECS]
    specs += [yaml.safe_dump(spec, default_flow_style=True).encode() for spec in SPECS[:2]]
    if target == "jsonl":
        rows = [json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in ROW_EXAMPLES]
        return [ROWS, *rows, *_small(BROKEN / "data", "*.jsonl")]
    if target == "yaml":
        return [*specs, *_small(BROKEN / "specs", "*.yaml")]
    return [spec + SEPARATOR + ROWS for spec in specs]


def _small(folder: Path, pattern: str) -> list[bytes]:
    contents = [path.read_bytes() for path in sorted(folder.glob(pattern)) if path.stat().st_size < 8_000]
    return [data for data in contents if data]


def words(target: str) -> tuple[bytes, ...]:
    """List the words of a target's language."""
    return {"yaml": YAML_WORDS, "jsonl": JSON_WORDS}.get(target, YAML_WORDS + JSON_WORDS)


def spoil(target: str, data: bytes, random: Random) -> bytes:
    """Change one thing in an input, as its language is built."""
    if target == "validate":
        return _spoil_pair(data, random)
    if random.random() < 0.4:
        return (_spoil_rows if target == "jsonl" else _spoil_spec)(data, random)
    return _spoil_text(target, data, random)


def _spoil_pair(data: bytes, random: Random) -> bytes:
    spec, _, rows = data.partition(SEPARATOR)
    choice = random.random()
    if choice < 0.1:
        spec = _spoil_text("yaml", spec, random)
    elif choice < 0.2:
        rows = _spoil_text("jsonl", rows, random)
    elif choice < 0.6:
        spec = _spoil_spec(spec, random)
    else:
        rows = _spoil_rows(rows, random)
    return spec + SEPARATOR + rows


def _spoil_text(target: str, data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    end = min(len(data), at + random.choice((1, 1, 2, 8, 40)))
    change: Callable[[], bytes] = random.choice(
        (
            lambda: data[:at] + random.choice(words(target)) + data[at:],
            lambda: data[:at] + random.choice(words(target)) + data[end:],
            lambda: data[:at] + data[end:],
            lambda: data[:at] + data[at:end] * random.choice((2, 3, 70)) + data[end:],
            lambda: data[:at] + bytes([random.randrange(256)]) + data[at + 1 :],
            lambda: _swap_lines(data, random),
        )
    )
    return change()


def _swap_lines(data: bytes, random: Random) -> bytes:
    lines = data.split(b"\n")
    at, other = random.randrange(len(lines)), random.randrange(len(lines))
    lines[at], lines[other] = lines[other], lines[at]
    return b"\n".join(lines)


def _spoil_spec(data: bytes, random: Random) -> bytes:
    try:
        value = yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        spoiled = spoil_value(value if isinstance(value, dict) else random.choice(SPECS), random)
        flow = random.random() < 0.3
        return yaml.safe_dump(spoiled, sort_keys=False, default_flow_style=flow).encode()
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        return yaml.safe_dump(spoil_value(random.choice(SPECS), random), sort_keys=False).encode()


def _spoil_rows(data: bytes, random: Random) -> bytes:
    lines = data.splitlines() or [b""]
    at = random.randrange(len(lines))
    try:
        row = json.loads(lines[at])
    except (ValueError, RecursionError):
        row = random.choice(ROW_EXAMPLES)
    spoiled = spoil_value(row, random)
    separators = random.choice(((",", ":"), (", ", ": "), (" , ", " :\t")))
    try:
        text = json.dumps(spoiled, separators=separators, ensure_ascii=random.random() < 0.5)
        lines[at] = text.encode(errors="surrogatepass")
    except (ValueError, RecursionError):
        lines[at] = b"{}"
    return b"\n".join(lines) + b"\n"


def spoil_value(value: Any, random: Random) -> Any:
    """Copy plain data with one change somewhere inside: a value replaced, a key dropped, renamed or added."""
    if not isinstance(value, dict | list) or not value or random.random() < 0.15:
        return _spoil_here(value, random)
    if isinstance(value, list):
        at = random.randrange(len(value))
        return [*value[:at], spoil_value(value[at], random), *value[at + 1 :]]
    key = random.choice(list(value))
    return {**value, key: spoil_value(value[key], random)}


def _spoil_here(value: Any, random: Random) -> Any:
    if isinstance(value, dict) and value and random.random() < 0.6:
        key = random.choice(list(value))
        kept = {name: part for name, part in value.items() if name != key}
        return random.choice((kept, {**kept, f"{key}s": value[key]}, {**value, "extra": value[key]}))
    if isinstance(value, list) and value and random.random() < 0.6:
        at = random.randrange(len(value))
        return random.choice((value[:at] + value[at + 1 :], [*value, value[at]], value[::-1], value * 3))
    return random.choice(ODD_VALUES)
