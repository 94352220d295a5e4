"""Grade a figure read from a picture: the value within its tolerance, and the unit with it.

In: the model's JSON and the row's `answer` and `tolerance`. Out: a reward of 0 to 1: 1 for value and unit,
half for a value within three tolerances, and a tenth of either with a wrong unit: a figure in another unit
is another figure.
An answer that is not one JSON object with exactly `value`, a number, and `unit`, a text, earns 0.
Standard library only.
"""

import json
import math
from typing import Any

WITH_WRONG_UNIT = 0.1
# Beyond this many tolerances it is another value, not a rough reading.
NEAR = 3


def grade(sample: dict[str, Any], item: dict[str, Any]) -> float:
    """Weigh value and unit."""
    answer, wanted = read_object(sample.get("output_text") or ""), item["answer"]
    if answer is None or set(answer) != {"value", "unit"} or not isinstance(answer["unit"], str):
        return 0.0
    near = credit(answer["value"], wanted["value"], item["tolerance"])
    right_unit = answer["unit"].strip().casefold() == wanted["unit"].casefold()
    return near * (1.0 if right_unit else WITH_WRONG_UNIT)


def read_object(text: str) -> dict[str, Any] | None:
    """Read the whole output as one JSON object whose keys differ; None for anything else."""
    try:
        value = json.loads(text, object_pairs_hook=without_doubles)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that gives a key twice: a second guess must not replace the first."""
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def credit(given: Any, right: float, tolerance: float) -> float:
    """1.0 within the tolerance, 0.5 within three of them, else 0.0; a form's cell has no tolerance."""
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not math.isfinite(given):
        return 0.0
    off = abs(given - right)
    if off <= tolerance + 1e-9:
        return 1.0
    return 0.5 if off <= NEAR * tolerance else 0.0
