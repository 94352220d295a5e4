"""What the rows need of the ICD-10-CM tabular list, read from simple-icd-10-cm at build time only.

In: the April 2026 tabular list that the package carries. Out: billable codes, a pattern that knows those of a
category, and stems that lack only the side of the body and the encounter.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from dataclasses import dataclass

import simple_icd_10_cm as icd

RIGHT, LEFT = "1", "2"
ENCOUNTERS = ("A", "D", "S")


@dataclass(frozen=True)
class Stem:
    """A code of the index that a coder has to complete from the note.

    Attributes:
        code: the code with `?` for what the note decides, e.g. `S80.0?X?`.
        title: what the classification calls it, without side and encounter.
        is_settled: whether title, side and encounter leave one code; not so where the code also tells, say, a
            displaced fracture from one in place.
    """

    code: str
    title: str
    is_settled: bool

    @property
    def category(self) -> str:
        return self.code[:3]

    @property
    def takes_encounter(self) -> bool:
        return self.code.count("?") == 2

    @property
    def has_filler(self) -> bool:
        return "?X?" in self.code

    def completed(self, side: str, encounter: str) -> str:
        """Fill in the side and, where there is one, the encounter."""
        return self.code.replace("?", side, 1).replace("?", encounter, 1)


@functools.cache
def billable_codes() -> dict[str, str]:
    """Return every code that can stand on a claim, with its description."""
    return {
        code: icd.get_description(code)
        for code in icd.get_all_codes(with_dots=True)
        if icd.is_category_or_subcategory(code) and icd.is_leaf(code)
    }


def billable_in(category: str) -> tuple[str, ...]:
    """Return a category's billable codes."""
    return _by_category()[category]


@functools.cache
def _by_category() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = defaultdict(list)
    for code in billable_codes():
        found[code[:3]].append(code)
    return {category: tuple(codes) for category, codes in found.items()}


def pattern_of(codes: list[str]) -> str:
    """Write a regular expression that fully matches exactly these codes."""
    return "|".join(_pattern(frozenset(codes)))


def _pattern(codes: frozenset[str]) -> list[str]:
    if codes == {""}:
        return [""]
    tails: dict[str, set[str]] = defaultdict(set)
    for code in codes:
        tails[code[0]].add(code[1:])
    heads: dict[frozenset[str], list[str]] = defaultdict(list)
    for head, rest in sorted(tails.items()):
        heads[frozenset(rest)].append(head)
    return [_class(head) + _group(_pattern(rest)) for rest, head in heads.items()]


def _class(heads: list[str]) -> str:
    return re.escape(heads[0]) if len(heads) == 1 else f"[{''.join(heads)}]"


def _group(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({'|'.join(parts)})"


@functools.cache
def side_stems() -> tuple[Stem, ...]:
    """Return the stems whose right and left codes differ in one digit, 1 and 2, and in nothing else."""
    codes = billable_codes()
    found = {}
    for code, text in codes.items():
        for at in (5, 6):
            stem = _stem_at(code, text, at, codes)
            if stem is not None:
                found[stem.code] = stem
    return tuple(found.values())


def _stem_at(code: str, text: str, at: int, codes: dict[str, str]) -> Stem | None:
    head, rest = code[:at], code[at + 1 :]
    filler = rest[:-1]
    if code[at : at + 1] != RIGHT or filler not in ("", "X") or rest[-1:] not in ("", ENCOUNTERS[0]):
        return None
    left = f"{head}{LEFT}{rest}"
    if codes.get(left) != re.sub(r"\bright\b", "left", text) or codes[left] == text:
        return None
    if rest and not all(f"{head}{RIGHT}{filler}{e}" in codes for e in ENCOUNTERS):
        return None
    if not icd.is_valid_item(head):
        return None
    like = [codes.get(f"{head}{digit}{rest}", "") for digit in "0123456789"]
    is_settled = sum("right" in one.lower().split() for one in (re.sub(r"\W", " ", t) for t in like)) == 1
    return Stem(f"{head}?{filler}{'?' if rest else ''}", icd.get_description(head), is_settled)


@functools.cache
def inclusion_terms() -> tuple[tuple[str, str], ...]:
    """Return (code, term) for the names that the tabular list includes under billable codes."""
    return tuple((code, term) for code in billable_codes() for term in icd.get_inclusion_term(code))


def excluded_by(code: str) -> list[str]:
    """Return the codes and stems that an Excludes1 note of the code or of one above it names."""
    above = [one for one in icd.get_ancestors(code) if not icd.is_chapter_or_block(one)]
    notes = [note for one in (code, *above) for note in icd.get_excludes1(one)]
    stems = [
        re.sub(r"\.?-$", "", part.strip())
        for note in notes
        for group in re.findall(r"\(([^()]*)\)", note)
        for part in group.split(",")
        if re.fullmatch(r"[A-Z]\d[0-9A-Z](\.[0-9A-Z]*)?-?", part.strip())
    ]
    return sorted({stem for stem in stems if stem and not code.startswith(stem)})
