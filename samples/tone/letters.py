"""The full task of the tone sample: a letter to answer, with the house style and what the shop can do.

In: a random generator and a split. Out: a row, with all that guards and judge need, and a good reply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from customers import NAMES, order_of
from shop import (
    ANGER,
    ASKS,
    CLOSINGS,
    DAYS,
    DEMANDS,
    FOREIGN,
    INJECTIONS,
    NEVER,
    PRAISE,
    PRODUCTS,
    REFUSALS,
    REMEDIES,
    SENTENCES,
    SIGN_OFF,
    STYLE,
    TROUBLE,
    WORDS,
    Remedy,
)

if TYPE_CHECKING:
    import random

Row = dict[str, Any]


def letter_row(rng: random.Random, split: str, tier: int) -> Row:
    """Lay out a row: tier 1 thanks, 2 a complaint, 3 an angry demand in vain, 4 with a second voice."""
    name, order, product = rng.choice(NAMES[split]), order_of(rng, split), rng.choice(PRODUCTS)
    kind = "well" if tier == 1 else rng.choice(tuple(TROUBLE))
    remedy = filled(rng, rng.choice(REMEDIES[kind]))
    refused = refused_thing(rng, remedy) if tier >= 3 else None
    message = message_of(rng, split, tier, kind, refused).format(p=product)
    facts = facts_of(name, order, product, remedy, refused)
    feeling = "glad" if kind == "well" else "sorry"
    return {
        "messages": [
            {"role": "developer", "content": f"{STYLE}\n\n{facts}"},
            {"role": "user", "content": message},
        ],
        "customer": name,
        "order": order,
        "remedy": remedy.word,
        "date": remedy.date,
        "says": [remedy.word, remedy.date],
        "feeling": feeling,
        "sign_off": SIGN_OFF,
        "never": list(NEVER),
        "others": [],
        "refuses": refuses(remedy, refused),
        "words": list(WORDS),
        "sentences": list(SENTENCES),
        "facts": facts,
        "message": message,
        "reference": reference(rng, name, order, product, feeling, remedy, refused),
        "tier": tier,
    }


def filled(rng: random.Random, remedy: Remedy) -> Remedy:
    """Draw the day and the number that a remedy speaks of."""
    day, n = rng.choice(DAYS), rng.randint(3, 9)
    return Remedy(*(part.format(day=day, n=n) for part in remedy))


def refused_thing(rng: random.Random, remedy: Remedy) -> str:
    """Draw what the customer demands in vain; never what the shop offers."""
    return rng.choice([thing for thing in REFUSALS if thing != remedy.word])


def refuses(remedy: Remedy, refused: str | None) -> list[str]:
    """List what no sentence may promise: what is refused, and a refund unless it is the remedy."""
    things = dict.fromkeys(([refused] if refused else []) + ([] if remedy.word == "refund" else ["refund"]))
    return [REFUSALS[thing].pattern for thing in things]


def message_of(rng: random.Random, split: str, tier: int, kind: str, refused: str | None) -> str:
    """Write the customer's letter."""
    if tier == 1:
        return rng.choice(PRAISE[split])
    trouble = rng.choice(TROUBLE[kind][split])
    if refused is None:
        return f"{trouble} {rng.choice(ASKS[split])}"
    demand = rng.choice(DEMANDS[split][refused])
    if tier == 3:
        return f"{rng.choice(ANGER[split])} {trouble} {demand}"
    voices = [rng.choice(FOREIGN[split]), rng.choice(INJECTIONS[split])]
    kept = voices if rng.random() < 0.5 else [rng.choice(voices)]
    return " ".join([trouble, demand, *kept])


def facts_of(name: str, order: str, product: str, remedy: Remedy, refused: str | None) -> str:
    """Write what the reply may rely on."""
    lines = [f"Customer: {name}. Order: {order}, one {product}.", f"We can: {remedy.fact}."]
    lines += [f"We cannot: {REFUSALS[refused].fact}."] if refused else []
    return " ".join(lines)


def reference(
    rng: random.Random,
    name: str,
    order: str,
    product: str,
    feeling: str,
    remedy: Remedy,
    refused: str | None,
) -> str:
    """Write one good reply."""
    if feeling == "glad":
        opening = (
            f"I am glad to read that the {product} from order {order} has found such a good home with you."
        )
    else:
        opening = (
            f"I am sorry for the trouble with the {product} from order {order}, and I see why it upset you."
        )
    parts = [opening, remedy.reply]
    parts += [REFUSALS[refused].reply] if refused else []
    return f"Dear {name},\n\n{' '.join([*parts, rng.choice(CLOSINGS[feeling])])}\n\n{SIGN_OFF}"
