"""Grade one extracted citation: the grader of configs/quickstart.yaml, written as Python.

In: the model's answer and the row's `citation`. Out: a reward of 0 to 1.
Half of the reward is for a citation that can be looked up, that is, with all three parts right.
An answer that is not a JSON object with the three keys earns 0. Standard library only.
"""

import json
import re
from collections import Counter
from typing import Any

PARTS = ("volume", "reporter", "page")


def grade(sample: dict[str, Any], item: dict[str, Any]) -> float:
    """Give 0.15 each for volume and page, up to 0.2 for the reporter's words, 0.5 for all three right."""
    answer = sample.get("output_json")
    if not isinstance(answer, dict) or not all(part in answer for part in PARTS):
        return 0.0
    wanted = item["citation"]
    given = {part: as_text(answer[part]) for part in PARTS}
    right = {part: given[part] == wanted[part] for part in PARTS}
    words = shared_words(given["reporter"], wanted["reporter"])
    parts = 0.15 * right["volume"] + 0.15 * right["page"] + 0.2 * words
    return parts + 0.5 * all(right.values())


def as_text(value: Any) -> str:
    """Write a JSON value as a template would: a string as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def shared_words(given: str, wanted: str) -> float:
    """Compare two reporters by the F1 of their words: `F. 2d` is `F.2d`, and `F.` is two thirds of it."""
    ours, theirs = words_of(given), words_of(wanted)
    shared = (ours & theirs).total()
    return 2 * shared / (ours.total() + theirs.total()) if shared else 0.0


def words_of(reporter: str) -> Counter[str]:
    """Count the runs of letters and digits, lower-cased: `F. Supp. 2d` has `f`, `supp` and `2d`."""
    return Counter(re.findall(r"[a-z0-9]+", reporter.lower()))
