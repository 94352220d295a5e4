"""Notes that name one condition: in the classification's own words (tier 1) or by another name (tier 2).

In: the tabular list and the categories to draw from. Out: notes with one code each, few of one category, and
of one chapter not more than a fifth of a tier.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from tabular import ENCOUNTERS, LEFT, RIGHT, billable_codes, inclusion_terms, side_stems

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator, Set

Finding = tuple[str, str]
"""What the note says and the code that it supports."""

SHELLS = (
    "{age}-year-old patient seen in clinic. Assessment: {finding} Plan: review in three months.",
    "Referral letter, patient aged {age}. Diagnosis: {finding} Thank you for seeing this patient.",
    "Ward round, {age} years old. {finding} Observations stable, eating and drinking.",
    "{age}-year-old, follow-up after tests. The results confirm: {finding} Explained to the patient.",
    "Discharge summary, age {age}. Treated for: {finding} No complications. Sent home.",
    "Consultation at the family practice, {age} years. {finding} No known allergies.",
    "{age}-year-old office worker. Final diagnosis after work-up: {finding} Sick note for one week.",
    "Second opinion for a {age}-year-old. I agree with the diagnosis: {finding} No change of treatment.",
)
VISITS = {
    "A": "Active treatment starts today.",
    "D": "Routine check while it heals.",
    "S": "Seen for what has remained of it long after.",
}
SIDES = {RIGHT: "right side", LEFT: "left side"}
# Chapters whose codes need more than a diagnosis (pregnancy, newborns, causes, status) or are findings only.
LETTERS = set("ABCDEFGHIJKLMNQS")
UNCLEAR = re.compile(
    r"unspecified|\bother\b|elsewhere|\bNOS\b|\bNEC\b|classified|without|newborn|neonat|infant|child|juvenile|pregnan|"
    r"puerper|postpartum|congenital|obstetric|\bright\b|\bleft\b|bilateral|encounter|sequela|\bnot\b|\band/or\b|[\[\]()]",
    re.IGNORECASE,
)
SHARE_OF_CHAPTER = 0.2


def is_clear(text: str) -> bool:
    """Whether a wording can stand in a note alone and lead to one code."""
    return 8 <= len(text) <= 90 and not UNCLEAR.search(text)


def draw_named(rng: random.Random, categories: set[str], n_rows: int) -> Iterator[tuple[str, str]]:
    """Draw notes in the classification's own words, with side and visit where the code needs them."""
    findings = [(f"{text}.", code) for code, text in billable_codes().items() if is_clear(text)]
    findings += [
        (
            f"{stem.title}, {SIDES[side]}. {VISITS[visit] if stem.takes_encounter else ''}".strip(),
            stem.completed(side, visit),
        )
        for stem in side_stems()
        if is_clear(stem.title)
        for side, visit in [(rng.choice((RIGHT, LEFT)), rng.choice(ENCOUNTERS))]
    ]
    unsettled = {
        stem.completed(side, visit)
        for stem in side_stems()
        if not stem.is_settled
        for side in SIDES
        for visit in ENCOUNTERS
    }
    return _drawn(rng, findings, categories, n_rows, unsettled)


def draw_synonyms(rng: random.Random, categories: set[str], n_rows: int) -> Iterator[tuple[str, str]]:
    """Draw notes that name a condition by an inclusion term which shares few words with its description."""
    codes = billable_codes()
    counts = Counter(term.lower() for _, term in inclusion_terms())
    findings = [
        (f"{term}.", code)
        for code, term in inclusion_terms()
        if is_clear(term) and counts[term.lower()] == 1 and _overlap(term, codes[code]) < 0.35
    ]
    return _drawn(rng, findings, categories, n_rows)


def usable_categories() -> set[str]:
    """Return the categories that have something to draw."""
    return {code[:3] for code in billable_codes() if code[0] in LETTERS}


def _drawn(
    rng: random.Random,
    findings: Iterable[Finding],
    categories: set[str],
    n_rows: int,
    left_out: Set[str] = frozenset(),
) -> Iterator[Finding]:
    fitting = [finding for finding in findings if finding[1][:3] in categories]
    rng.shuffle(fitting)
    per_category: Counter[str] = Counter()
    per_chapter: Counter[str] = Counter()
    drawn = 0
    for round_of in (1, 2, 3):
        for text, code in fitting:
            if drawn == n_rows:
                return
            if (
                code in left_out
                or per_category[code[:3]] != round_of - 1
                or per_chapter[code[0]] >= SHARE_OF_CHAPTER * n_rows
            ):
                continue
            per_category[code[:3]] += 1
            per_chapter[code[0]] += 1
            drawn += 1
            yield rng.choice(SHELLS).format(age=rng.randint(24, 81), finding=text), code
    if drawn < n_rows:
        raise ValueError(f"only {drawn} of {n_rows} notes could be drawn")


def _overlap(one: str, two: str) -> float:
    ours, theirs = (set(re.findall(r"[a-z]{3,}", text.lower())) for text in (one, two))
    return len(ours & theirs) / max(1, len(ours | theirs))
