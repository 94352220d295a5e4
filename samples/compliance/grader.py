"""Grade the tool calls of a compliance assistant, and its verdict where calls support it.

In: the model's `output_tools` and text, and the row's `calls` and `verdict`. Out: a reward of 0 to 1: 0.6 for
the calls (F1 over calls with the right arguments) and 0.4 for the verdict, which counts only if a call is
right. A call of the right tool with wrong arguments earns at most a tenth of a right one. More calls than
needed scale the whole reward down; more than twice as many earn 0. Standard library only.
"""

import json
import math
import unicodedata
from typing import Any

CALLS, VERDICT = 0.6, 0.4
# What a call of the right tool earns when its arguments are wrong, by the share of right ones.
WRONG_ARGUMENTS = 0.1
VERDICTS = ("approve", "block", "report")
# A screened name may be written surname first, with or without accents, in any case.
NAMES = ("name", "owner")


def grade(sample: dict[str, Any], item: dict[str, Any]) -> float:
    """Weigh calls and verdict."""
    wanted = [(call["name"], canonical(call["arguments"])) for call in item["calls"]]
    made = [read_call(call) for call in sample.get("output_tools") or []]
    if not wanted or not made or len(made) > 2 * len(wanted):
        return 0.0
    n_right = count_right(made, wanted)
    hits = n_right + WRONG_ARGUMENTS * nearness(made, wanted)
    f1 = 2 * hits / (len(made) + len(wanted))
    is_told = n_right > 0 and read_verdict(sample.get("output_text")) == item["verdict"]
    return (CALLS * f1 + VERDICT * is_told) * min(1.0, len(wanted) / len(made))


def read_call(call: Any) -> tuple[str, Any]:
    """Give a call's tool and canonical arguments; arguments that are no JSON object are None."""
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return "", None
    arguments = read_object(function.get("arguments"))
    return str(function.get("name")), None if arguments is None else canonical(arguments)


def read_object(text: Any) -> dict[str, Any] | None:
    """Read a text as one JSON object whose keys differ; None for anything else."""
    try:
        value = json.loads(text, object_pairs_hook=without_doubles, parse_constant=refuse)
    except (TypeError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that gives a key twice: a second guess must not replace the first."""
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def refuse(constant: str) -> None:
    """Refuse NaN and infinities, which are not JSON."""
    raise ValueError(constant)


def canonical(arguments: dict[str, Any]) -> dict[str, Any]:
    """Write arguments in one way: case, blanks, accents and the order of a name's words do not matter."""
    return {key: canonical_value(key, value) for key, value in arguments.items()}


def canonical_value(key: str, value: Any) -> Any:
    """Write one argument in one way; numbers stay numbers, and a text is never taken for one."""
    if isinstance(value, bool) or value is None:
        return ("other", str(value))
    if isinstance(value, (int, float)):
        return ("number", round(float(value), 6) if abs(value) < 1e15 else math.inf)
    if isinstance(value, str):
        return ("text", canonical_text(key, value))
    if isinstance(value, list):
        # Paths of ownership: neither their order nor the order along one changes the product.
        return ("list", sorted((canonical_value(key, part) for part in value), key=repr))
    return ("other", repr(value))


def canonical_text(key: str, text: str) -> str:
    """Fold case and blanks; in a name accents, commas and the order of words as well."""
    if key not in NAMES:
        return "".join(text.split()).casefold()
    plain = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return " ".join(sorted(plain.replace(",", " ").casefold().split()))


def count_right(made: list[tuple[str, Any]], wanted: list[tuple[str, Any]]) -> int:
    """Count wanted calls that were made; the same call twice is right once."""
    return sum(call in made for call in wanted)


def nearness(made: list[tuple[str, Any]], wanted: list[tuple[str, Any]]) -> float:
    """Sum, over wanted calls not made, the share of right arguments in the first other call of the tool."""
    wrong = [call for call in made if call not in wanted]
    total = 0.0
    for name, right in (call for call in wanted if call not in made):
        at = next((n for n, call in enumerate(wrong) if call[0] == name), None)
        if at is None:
            continue
        given = wrong.pop(at)[1] or {}
        total += sum(given.get(key) == value for key, value in right.items()) / max(len(right), len(given), 1)
    return total


def read_verdict(text: Any) -> str | None:
    """Read the verdict where it is the whole text: `{"verdict": "block"}`, or the bare word."""
    said = str(text or "").strip()
    if said in VERDICTS:
        return said
    value = read_object(said) or {}
    return value["verdict"] if set(value) == {"verdict"} and value["verdict"] in VERDICTS else None
