"""Grade a tax return field by field, as a reviewer would tick figures off.

In: the model's JSON and the row's `answer`, the right figures in dollars. Out: a reward of 0 to 1, the
weighted share of right figures; taxable income and tax earn half within 1 %. Standard library only.
An answer that is not one JSON object with exactly the wanted fields, each one number, earns 0: no prose
around it, no lists of guesses, no field given twice.
"""

import json
import math
from typing import Any

WEIGHTS = {"agi": 0.2, "deduction": 0.2, "taxable_income": 0.3, "tax": 0.5}
# The printed Tax Table and the rate schedule differ by a few dollars; both are right.
TOLERANCE = 10
# Income is copied or added, so nearly right is wrong; the others are computed from it.
NEAR = {"agi": 0.0, "deduction": 0.0, "taxable_income": 0.01, "tax": 0.01}


def grade(sample: dict[str, Any], item: dict[str, Any]) -> float:
    """Weigh the right figures."""
    answer = read_object(sample.get("output_text") or "")
    wanted = item["answer"]
    if answer is None or set(answer) != set(wanted):
        return 0.0
    earned = sum(WEIGHTS[name] * credit(name, answer[name], wanted[name]) for name in wanted)
    return earned / sum(WEIGHTS[name] for name in wanted)


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


def credit(name: str, given: Any, right: int) -> float:
    """1.0 within the tolerance, 0.5 within 1 % of a computed figure, else 0.0."""
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not math.isfinite(given):
        return 0.0
    off = abs(given - right)
    if off <= TOLERANCE:
        return 1.0
    return 0.5 if off <= NEAR[name] * right else 0.0
