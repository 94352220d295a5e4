"""Build the rows of the icd10 sample.

In: a seed, the tabular list of April 2026 (simple-icd-10-cm), hand-written notes. Out: the full task (train,
validation, test: a note and the codes it supports) and an easier one for a small model (local-train,
local-validation, local-test: a code to find in a slice of the tabular list). Truth is by construction: what a
note says and the codes that it leads to are drawn together; every code is checked against the tabular list.

    python -m venv build-env && build-env/bin/pip install -r samples/icd10/requirements.txt
    build-env/bin/python samples/icd10/build.py            # write the files
    build-env/bin/python samples/icd10/build.py --check    # rebuild elsewhere and compare
"""

from __future__ import annotations

import itertools
import random
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import choice
import lookup
import notes
from building import build_sample
from tabular import billable_codes, billable_in, excluded_by, pattern_of

SEED = 20261122
PACKAGES = {"simple-icd-10-cm": "1.5.0"}
SIZES = {"train": 360, "validation": 120, "test": 220}
QUICK_ROWS = 24

SPLIT_SHARES = {"train": 0.5, "validation": 0.2, "test": 0.3}
# Of each tier a quarter: 1 named, 2 by another name, 3 told with all detail, 4 several codes or a trap.
TIERS = (1, 2, 3, 4)
MAX_EXCLUDED = 12

ASK = (
    "Give the ICD-10-CM codes (release of April 2026) that this note supports, each to its full length. "
    "Code what is established, not what is ruled out or part of a coded condition; where the classification "
    'says which code comes first, keep that order. Reply with JSON only: {"codes": ["..."]}.'
)

Row = dict[str, Any]


def build() -> dict[str, list[Row]]:
    """Draw both tasks; a category of codes belongs to one split of each."""
    files: dict[str, list[Row]] = {}
    named = split_categories(random.Random(f"{SEED}-categories"))
    dealt = choice.split_categories(random.Random(f"{SEED}-local"))
    for split, n_rows in SIZES.items():
        files[split] = full_rows(split, named[split], n_rows)
        rng = random.Random(f"{SEED}-local-{split}")
        files[f"local-{split}"] = choice.draw_rows(rng, dealt[split], n_rows)
    for stem in ("validation", "local-validation"):
        files[f"{stem}-quick"] = files[stem][:QUICK_ROWS]
    return files


def split_categories(rng: random.Random) -> dict[str, set[str]]:
    """Deal out the categories that no hand-written note uses."""
    taken = {code[:3] for family in notes.FAMILIES for _, codes in combinations(family) for code in codes}
    free = sorted(lookup.usable_categories() - taken)
    rng.shuffle(free)
    dealt, start = {}, 0
    for split, share in SPLIT_SHARES.items():
        end = start + round(share * len(free))
        dealt[split] = set(free[start:end])
        start = end
    return dealt


def full_rows(split: str, categories: set[str], n_rows: int) -> list[Row]:
    """Draw a split of the full task, its tiers mixed."""
    rng = random.Random(f"{SEED}-full-{split}")
    n_each = n_rows // len(TIERS)
    rows = [
        row_of(note, [code], tier, excluded_by(code), ordered=False)
        for tier, draw in ((1, lookup.draw_named), (2, lookup.draw_synonyms))
        for note, code in draw(rng, categories, n_each)
    ]
    for tier in (3, 4):
        rows += told_rows(rng, split, tier, n_each)
    rng.shuffle(rows)
    return rows


def told_rows(rng: random.Random, split: str, tier: int, n_rows: int) -> list[Row]:
    """Draw from the hand-written notes in turn; no note is drawn twice."""
    families = [family for family in notes.FAMILIES if (family.split, family.tier) == (split, tier)]
    rows: dict[str, Row] = {}
    for turn in itertools.count():
        if len(rows) == n_rows:
            return list(rows.values())
        family = families[turn % len(families)]
        phrases, codes = rng.choice(combinations(family))
        note = family.note.format(age=rng.randint(*family.ages), **phrases)
        excluded = [*family.excluded, *(stem for code in codes for stem in excluded_by(code))]
        rows.setdefault(note, row_of(note, codes, tier, excluded, ordered=family.ordered))
    raise AssertionError


def combinations(family: notes.Family) -> list[tuple[dict[str, str], list[str]]]:
    """Return every way to fill the slots: what the note says, and the codes."""
    found = []
    for drawn in itertools.product(*(table.items() for table in family.slots.values())):
        phrases = {name: phrase for name, (phrase, _) in zip(family.slots, drawn, strict=True)}
        parts = {name: part for name, (_, part) in zip(family.slots, drawn, strict=True)}
        found.append((phrases, family.codes.format(**parts).split()))
    return found


def without_nested(stems: list[str]) -> list[str]:
    """Drop a stem that stands below another one of the list, and repetitions."""
    return [
        stem
        for stem in dict.fromkeys(stems)
        if not any(stem != other and stem.startswith(other) for other in stems)
    ]


def row_of(note: str, codes: list[str], tier: int, excluded: list[str], *, ordered: bool) -> Row:
    """Lay out a row; refuse codes that are not billable or that its own exclusions name."""
    unknown = [code for code in codes if code not in billable_codes()]
    if unknown:
        raise ValueError(f"not billable: {unknown}")
    kept = [stem for stem in without_nested(excluded) if not any(code.startswith(stem) for code in codes)]
    categories = dict.fromkeys(code[:3] for code in codes)
    return {
        "messages": [{"role": "user", "content": f"{note}\n\n{ASK}"}],
        "codes": codes,
        "excluded": kept[:MAX_EXCLUDED],
        "ordered": ordered and len(codes) > 1,
        "billable": pattern_of([code for category in categories for code in billable_in(category)]),
        "tier": tier,
        "entity": codes[0][:3],
    }


if __name__ == "__main__":
    sys.exit(build_sample(__file__, build, seed=SEED, packages=PACKAGES))
