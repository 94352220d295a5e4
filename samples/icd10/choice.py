"""The easier task: find the code in a slice of the tabular list that stands beside the note.

In: the tabular list, its categories assigned to splits. Out: rows for a small model, each after two worked
examples as earlier turns of the chat. No category of a worked example is asked for.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from lookup import is_clear, usable_categories
from tabular import LEFT, RIGHT, Stem, billable_codes, billable_in, pattern_of, side_stems

if TYPE_CHECKING:
    import random

Row = dict[str, Any]
Option = tuple[str, str]
"""What the slice says and the code that it gives for it."""

EXAMPLES: tuple[tuple[str, tuple[Option, ...], str], ...] = (
    (
        "Contusion of knee. Left side, later visit.",
        (
            ("left, first visit", "S80.02XA"),
            ("left, later visit", "S80.02XD"),
            ("right, later visit", "S80.01XD"),
        ),
        "S80.02XD",
    ),
    (
        "Allergic urticaria.",
        (("Allergic urticaria", "L50.0"), ("Hyperacusis", "H93.233"), ("Cholinergic urticaria", "L50.5")),
        "L50.0",
    ),
)
RESERVED = {"S80", "L50"}
VISITS = {"A": "first visit", "D": "later visit"}
SIDES = {RIGHT: "right", LEFT: "left"}
FACTS = (
    "Allergic to penicillin.",
    "Works as a welder.",
    "Does not smoke.",
    "Lives alone.",
    "Retired last year.",
    "Takes no medicines.",
)
SHARES = {"train": 0.5, "validation": 0.2, "test": 0.3}
N_OPTIONS = 3
MAX_TITLE = 36


def split_categories(rng: random.Random) -> dict[str, set[str]]:
    """Deal the categories out to the splits."""
    left = sorted(usable_categories() - RESERVED)
    rng.shuffle(left)
    dealt: dict[str, set[str]] = {}
    for split, share in SHARES.items():
        n_dealt = round(share * (len(usable_categories()) - len(RESERVED)))
        dealt[split], left = set(left[:n_dealt]), left[n_dealt:]
    return dealt


def draw_rows(rng: random.Random, categories: set[str], n_rows: int) -> list[Row]:
    """Draw rows of every tier in turn: any conditions, those of a category, a side, a side and a visit."""
    pools = {
        1: _named(rng, categories, same_category=False),
        2: _named(rng, categories, same_category=True),
        3: _sided(rng, categories, with_visit=False),
        4: _sided(rng, categories, with_visit=True),
    }
    return [_row(rng, tier, *next(pools[tier])) for tier, _ in zip(itertools.cycle(pools), range(n_rows))]


def _named(rng: random.Random, categories: set[str], *, same_category: bool) -> Any:
    """Yield (note, options, answer): the note names the condition as the slice does."""
    titles = {
        code: text
        for code, text in billable_codes().items()
        if code[:3] in categories and is_clear(text) and len(text) <= MAX_TITLE
    }
    asked = sorted(titles)
    rng.shuffle(asked)
    for code in asked:
        others = sorted(c for c in titles if c != code and (c[:3] == code[:3]) == same_category)
        if len(others) >= N_OPTIONS - 1:
            options = [(titles[c], c) for c in (code, *rng.sample(others, N_OPTIONS - 1))]
            yield f"{titles[code]}.", options, code


def _sided(rng: random.Random, categories: set[str], *, with_visit: bool) -> Any:
    """Yield (note, options, answer): the note gives the side, and the visit where the code needs it."""
    stems = [s for s in side_stems() if _is_usable(s, categories) and s.takes_encounter == with_visit]
    rng.shuffle(stems)
    for stem in stems:
        options = [
            (f"{side}, {visit}" if with_visit else side, stem.completed(digit, letter))
            for digit, side in SIDES.items()
            for letter, visit in list(VISITS.items())[: 2 if with_visit else 1]
        ]
        options = rng.sample(options, min(N_OPTIONS, len(options)))
        label, code = options[0]
        side, _, visit = label.partition(", ")
        yield f"{stem.title}. {side.capitalize()} side{', ' if visit else ''}{visit}.", options, code


def _is_usable(stem: Stem, categories: set[str]) -> bool:
    return stem.category in categories and is_clear(stem.title) and len(stem.title) <= MAX_TITLE


def _row(rng: random.Random, tier: int, note: str, options: list[Option], code: str) -> Row:
    rng.shuffle(options)
    shown = f"{note} {rng.choice(FACTS)}" if tier % 2 == 0 else note
    messages = [
        message
        for asked, listed, answer in EXAMPLES
        for message in (
            {"role": "user", "content": prompt_of(asked, listed)},
            {"role": "assistant", "content": f'{{"codes": ["{answer}"]}}'},
        )
    ]
    return {
        "messages": [*messages, {"role": "user", "content": prompt_of(shown, options)}],
        "codes": [code],
        "billable": pattern_of(list(billable_in(code[:3]))),
        "tier": tier,
        "entity": code[:3],
    }


def prompt_of(note: str, options: Any) -> str:
    """Lay out a note and the slice of the tabular list."""
    lines = "\n".join(f"{text}: {code}" for text, code in options)
    return f"{lines}\nNote: {note}"
