"""Grade a deadline and its authority, each against the row's `answer`.

In: the model's JSON and the row: `answer`, and where a date is wanted `near`, the dates at which a count ends
that is right but for the rule that moves its end. Out: a reward of 0 to 1, the weighted share of right
fields; a near date and a wrong pinpoint in the right document earn a third of their field.
An answer that is not one JSON object with exactly the wanted fields, each one readable value, earns 0: prose,
two dates, two pinpoints, a field given twice, a pinpoint that names no place. Standard library only.
"""

import json
import re
from typing import Any

WEIGHTS = {"due": 0.6, "days": 0.4, "added": 0.2, "authority": 0.4}
PARTLY = 1 / 3
DATE = re.compile(r"20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", re.ASCII)
# A document in one to five words, a number, and a letter where there is one: "local rule 7.2 b".
PLACE = re.compile(r"((?:[a-z]{2,20} ){1,5})(\d+(?:\.\d+)*(?: [a-z])?)", re.ASCII)
SIGNS = {"¶": " para ", "§": " section "}
SAME = {"paragraph": "para", "par": "para", "sec": "section", "lr": "local rule"}


def grade(sample: dict[str, Any], item: dict[str, Any]) -> float:
    """Weigh the right fields."""
    answer = read_object(sample.get("output_text") or "")
    wanted = item["answer"]
    if answer is None or set(answer) != set(wanted) or not wanted:
        return 0.0
    if not all(is_readable(name, answer[name]) for name in wanted):
        return 0.0
    return sum(WEIGHTS[name] * credit(name, answer[name], wanted[name], item) for name in wanted)


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


def is_readable(name: str, given: Any) -> bool:
    """Tell whether a field holds one date, one whole number or one pinpoint."""
    if name == "due":
        return isinstance(given, str) and DATE.fullmatch(given) is not None
    if name == "authority":
        return place_of(given) is not None
    return isinstance(given, int) and not isinstance(given, bool)


def place_of(given: Any) -> tuple[str, str] | None:
    """Split a citation into its document and its pinpoint, however they are punctuated."""
    if not isinstance(given, str) or len(given) > 80:
        return None
    for sign, word in SIGNS.items():
        given = given.replace(sign, word)
    if not given.isascii():
        return None
    text = given.lower().replace("l.r.", "lr ")
    words = re.findall(r"\d+(?:\.\d+)*|[a-z]+|[^\s,.()]", text)
    found = PLACE.fullmatch(" ".join(SAME.get(word, word) for word in words))
    return (found[1].strip(), found[2]) if found else None


def credit(name: str, given: Any, right: Any, item: dict[str, Any]) -> float:
    """1.0 for the right value, a third for a near date or the right document, else 0.0."""
    if name == "authority":
        found, wanted = place_of(given), place_of(right)
        if wanted is None or found is None or found[0] != wanted[0]:
            return 0.0
        return 1.0 if found == wanted else PARTLY
    if given == right:
        return 1.0
    return PARTLY if name == "due" and given in item.get("near", []) else 0.0
