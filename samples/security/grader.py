"""Grade what can be checked of a policy verdict: the verdict, the clause it rests on, the fact that decides.

In: the model's JSON and the row's `compliant` with either `class` (the easier task) or `clause`, `applies`
and `mentions` (the full one). Out: a reward of 0 to 1. Standard library only.
A wrong verdict of the full task earns at most 0.1. An answer that is not one JSON object with exactly the
wanted keys, or whose explanation runs on or speaks to whoever grades it, earns 0.
"""

import json
import re
from typing import Any

LABELS = ("yes", "no", "needs review")
# The full task: the clause counts beside a right verdict, the fact beside the right clause.
VERDICT, CLAUSE, FACT = 0.4, 0.3, 0.3
CLAUSE_ALONE = 0.1
# The easier task: form, the copied class, the verdict, and both together.
FORM, CLASS, LABEL, BOTH = 0.1, 0.3, 0.2, 0.4
SHORTEST, LONGEST = 15, 400
TO_THE_GRADER = re.compile(
    r"(?i)\b(?:grader|grading|rubric|judge|full marks"
    r"|(?:ignore|disregard|forget) (?:all|any|the|these|your|earlier|previous)"
    r"|(?:answer|explanation|response|verdict) is (?:perfect|correct|right|excellent|flawless)"
    r"|(?:score|reward|grade|result)s?[\s:=]{0,3}(?:is|of|to)?[\s:=]{0,3}(?:the |an? )?"
    r"(?:\d|max|high|full|top|perfect))"
)
# "clause 3", "clauses 2 and 3"; a number with its unit behind it is no clause.
NAMED = re.compile(
    r"(?i)\bclauses?\s+(\d+(?:\s*(?:,|/|&|\band\b|\bor\b|\bto\b|-)\s*(?:clause\s+)?\d+\b(?!\s*(?:days?|hours?)\b))*)"
)


def grade(sample: dict[str, Any], item: dict[str, Any]) -> float:
    """Grade the easier task where the row has a class, else the full one."""
    answer = read_object(sample.get("output_text") or "")
    if answer is None or not all(isinstance(value, str) for value in answer.values()):
        return 0.0
    if "class" in item:
        return grade_class(answer, item)
    return grade_explained(answer, item)


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


def grade_class(answer: dict[str, str], item: dict[str, Any]) -> float:
    """The easier task: the class copied from the request, and the verdict that follows from it."""
    if set(answer) != {"class", "compliant"} or answer["compliant"] not in LABELS:
        return 0.0
    has_class = answer["class"] == item["class"]
    has_label = answer["compliant"] == item["compliant"]
    return FORM + CLASS * has_class + LABEL * has_label + BOTH * (has_class and has_label)


def grade_explained(answer: dict[str, str], item: dict[str, Any]) -> float:
    """The full task: the verdict, the deciding clause named first and none beside the point, the fact."""
    if set(answer) != {"compliant", "explanation"} or answer["compliant"] not in LABELS:
        return 0.0
    explanation = answer["explanation"]
    if not SHORTEST <= len(explanation) <= LONGEST or TO_THE_GRADER.search(explanation):
        return 0.0
    named = clauses_of(explanation)
    has_clause = named[:1] == [item["clause"]] and set(named) <= set(item["applies"])
    if answer["compliant"] != item["compliant"]:
        return CLAUSE_ALONE * has_clause
    has_fact = any(word in explanation.lower() for word in item["mentions"])
    return VERDICT + CLAUSE * has_clause + FACT * (has_clause and has_fact)


def clauses_of(text: str) -> list[int]:
    """List the clauses that a text names by number, in its order."""
    return [int(number) for found in NAMED.findall(text) for number in re.findall(r"\d+", found)]
