"""Grade ICD-10-CM codes as an auditor of medical coding would: exact codes count, near ones in part.

In: the model's `{"codes": [...]}` and the row: `codes` (the right ones), `excluded` (codes or stems that must
not be given), `billable` (a pattern of the codes that exist in the right codes' categories), `ordered`.
Out: a reward of 0 to 1: F1 over one-to-one matches, less a penalty for every code that the note does not
support. Standard library only.
"""

import itertools
import json
import re
from typing import Any

UNSUPPORTED_COST = 0.5
EXCLUDED_COST = 0.75
# What a code of the right category earns: from a shared category up to all but the last character.
NEAR_LOW, NEAR_HIGH = 0.25, 0.75
# A header or an invented code of the right category would be sent back by the payer.
NOT_BILLABLE = 0.5
# The right codes in the wrong order, where the classification says which comes first.
OUT_OF_ORDER = 0.9
EXTRA_CODES = 2
CODE = re.compile(r"[A-Z][0-9][0-9A-Z](?:\.[0-9A-Z]{1,4})?")


def grade(sample: dict[str, Any], item: dict[str, Any]) -> float:
    """Weigh the codes given against those wanted."""
    wanted = item["codes"]
    given = read_codes(sample.get("output_text") or "")
    if not wanted or not given or len(given) > len(wanted) + EXTRA_CODES:
        return 0.0
    credits = [[credit(code, want, item) for want in wanted] for code in given]
    matched, used = best_match(credits)
    cost = sum(
        EXCLUDED_COST if is_excluded(code, item) else UNSUPPORTED_COST
        for n, code in enumerate(given)
        if n not in used
    )
    reward = 2 * matched / (len(given) + len(wanted)) - cost
    if item.get("ordered") and sorted(given) == sorted(wanted) and given != wanted:
        reward *= OUT_OF_ORDER
    return max(0.0, reward)


def read_codes(text: str) -> list[str]:
    """Read the whole output as {"codes": [...]} and nothing else; empty for anything else."""
    try:
        value = json.loads(text, object_pairs_hook=without_doubles)
    except (ValueError, RecursionError):
        return []
    codes = value.get("codes") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        return []
    return [normalised(code) for code in codes]


def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that gives a key twice: a second guess must not replace the first."""
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def normalised(code: str) -> str:
    """Write a code in capitals with its dot, as claims without a dot mean the same."""
    plain = code.strip().upper() if code.isascii() else code
    return f"{plain[:3]}.{plain[3:]}" if re.fullmatch(r"[A-Z][0-9][0-9A-Z]{2,5}", plain) else plain


def credit(code: str, want: str, item: dict[str, Any]) -> float:
    """1 for the code itself, 0.25 to 0.75 by the characters shared beyond its category, else 0."""
    if code == want:
        return 1.0
    if not CODE.fullmatch(code) or code[:3] != want[:3] or is_excluded(code, item):
        return 0.0
    detail, wanted_detail = code[4:], want[4:]
    n_shared = sum(
        1
        for _ in itertools.takewhile(
            lambda pair: pair[0] == pair[1], zip(detail, wanted_detail, strict=False)
        )
    )
    near = NEAR_LOW + (NEAR_HIGH - NEAR_LOW) * n_shared / max(1, len(wanted_detail))
    return near if re.fullmatch(item["billable"], code) else near * NOT_BILLABLE


def is_excluded(code: str, item: dict[str, Any]) -> bool:
    """Whether a code is one of those excluded, or stands below one."""
    return any(code.startswith(stem) for stem in item.get("excluded", ()))


def best_match(credits: list[list[float]]) -> tuple[float, set[int]]:
    """Pair given codes with wanted ones, each once, for the highest sum; return it and those that earned."""
    best: tuple[float, set[int]] = (0.0, set())
    n_wanted = len(credits[0])
    # None stands for a wanted code that no given one answers.
    choices = [*range(len(credits)), *[None] * n_wanted]
    for rows in itertools.permutations(choices, n_wanted):
        earned = {
            row: credits[row][n] for n, row in enumerate(rows) if row is not None and credits[row][n] > 0
        }
        if sum(earned.values()) > best[0]:
            best = (sum(earned.values()), set(earned))
    return best
