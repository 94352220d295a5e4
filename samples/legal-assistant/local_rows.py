"""The easier task: one or two passages, and the service: which period runs, what is added, where it stands.

In: a random generator and a split. Out: rows whose three values are copied or read off one word.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from splits import split_of

if TYPE_CHECKING:
    import random

Row = dict[str, Any]
MAIL_DAYS = 3
PAPERS = (
    *("answer", "reply", "brief", "objection", "appeal", "witness list", "expert report", "bill of costs"),
    *("response", "notice", "motion", "statement", "inventory", "audit", "transcript", "proposal"),
)
PERIODS = (5, 6, 7, 8, 9, 10, 12, 14, 15, 18, 20, 21, 25, 28, 30, 35, 40, 45, 60, 90)
SYSTEM = "Days added: 3 if served by mail, else 0."
EXAMPLES = (
    (
        "Docket 24-310. Rule 33(b): the deposition is due within 24 days. Served by mail. "
        "When is the deposition due?",
        {"days": 24, "added": 3, "authority": "Rule 33(b)"},
    ),
    (
        "Served by hand. Order, para. 4: the survey is due within 16 days. "
        "Lease, sec. 7.1: the deed is due within 50 days. When is the survey due?",
        {"days": 16, "added": 0, "authority": "Order, para. 4"},
    ),
)
TAKEN = {"Rule 33(b)", "Order, para. 4", "Lease, sec. 7.1"}
NOISE = (
    "Docket {docket}.",
    "Fee of ${sum} paid.",
    "Exhibit {n}, {sum} pages.",
    "Hearing on {day} June.",
    "Claim of ${sum}.",
)
SPANS = ("Trial of {day} days.", "Stay of {day} days.", "Absent for {day} days.", "Hearing of {day} days.")
DECOYS = ("{place} names the judge.", "See {place} for fees.", "{place} is repealed.", "Filed under {place}.")


def local_row(rng: random.Random, split: str, tier: int, seed: int) -> Row:
    """Draw a row: with a number that does not matter (1), with other days besides (2), with other days and
    another pinpoint (3), with two passages, of which one is asked for (4).
    """
    places = draw_places(rng, split, seed)
    papers, periods = rng.sample(PAPERS, 2), rng.sample(PERIODS, 2)
    asked = rng.randrange(2) if tier == 4 else 0
    is_mail = rng.random() < 0.5
    passages = [
        f"{place}: the {paper} is due within {days} days."
        for place, paper, days in zip(places, papers, periods, strict=True)
    ]
    parts = [" ".join(passages) if tier == 4 else passages[0], f"Served by {'mail' if is_mail else 'hand'}."]
    parts += [noise_of(rng, NOISE)] if tier <= 2 else []
    parts += [noise_of(rng, SPANS)] if tier in (2, 3) else []
    parts += [rng.choice(DECOYS).format(place=places[1])] if tier == 3 else []
    rng.shuffle(parts)
    question = f"{' '.join(parts)} When is the {papers[asked]} due?"
    answer = {"days": periods[asked], "added": MAIL_DAYS * is_mail, "authority": places[asked]}
    return {
        "messages": [*shown(), {"role": "user", "content": question}],
        "answer": answer,
        "tier": tier,
        "facts": {"places": places, "periods": periods, "asked": asked},
    }


def shown() -> list[dict[str, str]]:
    """Return the turns before the question, the same in every row."""
    turns = [{"role": "system", "content": SYSTEM}]
    for question, answer in EXAMPLES:
        turns += [{"role": "user", "content": question}, {"role": "assistant", "content": json.dumps(answer)}]
    return turns


def draw_places(rng: random.Random, split: str, seed: int) -> list[str]:
    """Draw two pinpoints of the split, in one document or in two."""
    places: list[str] = []
    while len(places) < 2:
        place = draw_place(rng, rng.randrange(3))
        if place not in places and place not in TAKEN and split_of(place, seed) == split:
            places.append(place)
    return places


def draw_place(rng: random.Random, kind: int) -> str:
    """Draw a pinpoint of a rule, an order or a lease."""
    if kind == 0:
        return f"Rule {rng.randint(3, 89)}({rng.choice('abcdefgh')})"
    if kind == 1:
        return f"Order, para. {rng.randint(2, 99)}"
    return f"Lease, sec. {rng.randint(2, 24)}.{rng.randint(1, 9)}"


def noise_of(rng: random.Random, texts: tuple[str, ...]) -> str:
    """Draw a sentence with numbers that do not matter."""
    docket = f"{rng.randint(20, 26)}-{rng.randint(101, 999)}"
    return rng.choice(texts).format(
        docket=docket, day=rng.randint(2, 28), sum=rng.randint(110, 990), n=rng.randint(2, 48)
    )
