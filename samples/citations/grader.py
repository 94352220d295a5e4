"""Grade a list of case citations by F1 over normalised citations, as a cite-checker would tick them off.

In: the model's `{"citations": [...]}` and the row's `citations`, each either a string ("777 F.2d 685") or an
object with volume, reporter, page, year and court; a row whose passage cites no case has `cites`: "no case".
Out: a reward of 0 to 1. Standard library only.
Given citations are paired with right ones, each once; a pair earns 1 when it can be looked up, part when it
nearly can. F1 over the pairs is halved for every citation given that has no partner: an invented or repeated
authority costs more than one left out. What is not exactly that JSON earns 0.
"""

import json
import re
from typing import Any

PARTS = ("volume", "reporter", "page", "year", "court")
# Where a citation names year and court, they are worth this much of it, and only beside the right key.
YEAR, COURT = 0.15, 0.15
# Volume and page are right, the reporter is another; the reporter and one of volume and page are right.
OTHER_REPORTER, OTHER_NUMBER = 0.5, 0.3
UNPAIRED = 0.5
EXTRA_CITATIONS = 2
PLAIN = re.compile(r"([0-9]{1,4})\s+(\S.{0,40}?)\s+([0-9]{1,5})")
NUMBER = re.compile(r"[0-9]{1,5}")

Cited = tuple[str, str, str, str, str]


def grade(sample: dict[str, Any], item: dict[str, Any]) -> float:
    """Weigh the citations given against those of the row."""
    wanted = item["citations"]
    given = read_citations(sample.get("output_text") or "")
    if given is None or any(type(entry) is not type(want) for entry in given for want in wanted):
        return 0.0
    if not wanted:
        # An empty list is right only where the row says so, not where its reference got lost.
        return float(not given and item.get("cites") == "no case")
    if not given or len(given) > len(wanted) + EXTRA_CITATIONS:
        return 0.0
    earned = pair_up([normalised(entry) for entry in given], [normalised(want) for want in wanted])
    f1 = 2 * sum(earned) / (len(given) + len(wanted))
    return f1 * UNPAIRED ** (len(given) - len(earned))


def read_citations(text: str) -> list[Any] | None:
    """Read the whole output as {"citations": [...]} with entries of the two kinds; None for anything else."""
    try:
        value = json.loads(text, object_pairs_hook=without_doubles)
    except (ValueError, RecursionError):
        return None
    entries = value.get("citations") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(entries, list) or not all(is_entry(entry) for entry in entries):
        return None
    return entries


def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that gives a key twice: a second guess must not replace the first."""
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def is_entry(entry: Any) -> bool:
    """Whether an entry is a string, or an object with exactly the five parts as text or whole numbers."""
    if isinstance(entry, dict):
        return set(entry) == set(PARTS) and all(type(part) in (str, int) for part in entry.values())
    return isinstance(entry, str)


def normalised(entry: Any) -> Cited | None:
    """Split a citation into its parts, their spelling evened out; None where it is none."""
    if isinstance(entry, str):
        found = PLAIN.fullmatch(entry.strip())
        parts = (*found.groups(), "", "") if found else None
    else:
        parts = tuple(str(entry[name])[:60].strip() for name in PARTS)
    if parts is None or not all(NUMBER.fullmatch(number) for number in (parts[0], parts[2])):
        return None
    return (parts[0], even(parts[1]), parts[2], parts[3], re.sub(r"(?<=[0-9])[nr]d", "d", even(parts[4])))


def even(name: str) -> str:
    """Drop what spellings of one reporter or court differ in: `F. Supp.2d` and `F Supp 2d` are one."""
    return re.sub(r"[\s.]", "", name).lower()


def pair_up(given: list[Cited | None], wanted: list[Cited | None]) -> list[float]:
    """Pair given citations with wanted ones, each once, best pairs first; return what each pair earns."""
    scored = sorted(
        ((credit(one, want), -n, -m) for n, one in enumerate(given) for m, want in enumerate(wanted)),
        reverse=True,
    )
    used_given: set[int] = set()
    used_wanted: set[int] = set()
    earned = []
    for worth, n, m in scored:
        if worth > 0 and n not in used_given and m not in used_wanted:
            used_given.add(n)
            used_wanted.add(m)
            earned.append(worth)
    return earned


def credit(given: Cited | None, want: Cited | None) -> float:
    """1 for the citation itself; part for one that a reader could still find; else 0."""
    if given is None or want is None:
        return 0.0
    volume, reporter, page = (given[n] == want[n] for n in range(3))
    has_more = bool(want[3] or want[4])
    key = 1.0 - YEAR - COURT if has_more else 1.0
    if volume and reporter and page:
        return key + has_more * (YEAR * (given[3] == want[3]) + COURT * (given[4] == want[4]))
    if volume and page:
        return key * OTHER_REPORTER
    return key * OTHER_NUMBER if reporter and (volume or page) else 0.0
