"""Grade one extracted citation: the grader of configs/quickstart.yaml, written as Python.

In: the model's answer and the row's `citation`. Out: a reward of 0 to 1.
Half of the reward is for a citation that can be looked up, that is, with all three parts right.
An answer that is not a JSON object with the three keys earns 0. Standard library only.
"""

import json
import re
from difflib import SequenceMatcher
from typing import Any

PARTS = ("volume", "reporter", "page")


def grade(sample: dict[str, Any], item: dict[str, Any]) -> float:
    """Give 0.15 each for volume and page, up to 0.2 for the reporter's spelling, 0.5 for all three right."""
    answer = sample.get("output_json")
    if not isinstance(answer, dict) or not all(part in answer for part in PARTS):
        return 0.0
    wanted = item["citation"]
    given = {part: as_text(answer[part]) for part in PARTS}
    right = {part: given[part] == wanted[part] for part in PARTS}
    spelling = SequenceMatcher(None, fold(given["reporter"]), fold(wanted["reporter"])).ratio()
    parts = 0.15 * right["volume"] + 0.15 * right["page"] + 0.2 * spelling
    return parts + 0.5 * all(right.values())


def as_text(value: Any) -> str:
    """Write a JSON value as a template would: a string as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def fold(reporter: str) -> str:
    """Lower the case and drop punctuation, so that `F. Supp. 2d` and `F.Supp.2d` are near."""
    return re.sub(r"[^a-z0-9]+", " ", reporter.lower()).strip()
