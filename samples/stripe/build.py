"""Build the rows of the stripe sample: requests in words, and the one API call that each asks for.

In: a seed, operations.toml, and the typed parameters of the `stripe` package. Out: the full task (train,
validation, test: one code block, enums, parts inside, amounts to convert) and an easier one for a small model
(local-*: five operations, one line, every value stands in the request).
"""

from __future__ import annotations

import random
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from building import build_sample
from slots import Slots
from typed import read_operation

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 20261123
PACKAGES = {"stripe": "16.1.0"}
SIZES = {"train": 360, "validation": 120, "test": 220}
# Amounts and ids belong to one split by their remainder modulo 3.
REMAINDERS = {"train": 0, "validation": 1, "test": 2}
QUICK_ROWS = 24
TIERS = (1, 2, 3, 4)
TABLE = Path(__file__).resolve().parent / "operations.toml"
OPERATIONS = tomllib.loads(TABLE.read_text("utf-8"))["operation"]
INTRODUCTION = (
    "Python, package `stripe` {version}: `stripe` is imported, the key is set, `client` is a "
    "`stripe.StripeClient`. Write the one API call that does all that is asked and nothing else, with "
    "literal values. Reply with one Python code block that holds this call as a top-level statement, and "
    "with nothing outside the block."
)

LOCAL_SYSTEM = """stripe.Refund.create(charge, amount)
stripe.PaymentIntent.create(amount, currency, customer)
stripe.InvoiceItem.create(amount, currency, customer)
stripe.Transfer.create(amount, currency, destination)
stripe.Payout.create(amount, currency, destination)
Answer with one call, nothing else."""
LOCAL_EXAMPLES = (
    ("Refund 1250 of charge ch_8Fk2.", 'stripe.Refund.create(charge="ch_8Fk2", amount=1250)'),
    (
        "Payment intent of 6400 dkk for customer cus_6Wd5.",
        'stripe.PaymentIntent.create(amount=6400, currency="dkk", customer="cus_6Wd5")',
    ),
)
LOCAL_CURRENCIES = ("usd", "eur", "gbp", "chf", "sek", "aud", "cad")
# 1 an operation of the examples; 2 another one; 3 with another argument; 4 one that no word names.
LOCAL_TIERS = (1, 2, 3, 4, 4, 2, 3, 1, 4, 3, 2, 4, 4, 3, 2, 1, 4, 2, 3, 4)
MONEY = ("amount", "currency")
# Tier, name, prefix of the id, request, and the arguments in the order of the list above.
LOCAL_KINDS = (
    (1, "refunds.create Refund.create", "ch", "Refund {amount} of charge {id}.", ("charge", "amount")),
    (
        *(1, "payment_intents.create PaymentIntent.create", "cus"),
        *("Payment intent of {amount} {currency} for customer {id}.", (*MONEY, "customer")),
    ),
    (
        *(2, "invoice_items.create InvoiceItem.create", "cus"),
        *("Invoice item of {amount} {currency} for customer {id}.", (*MONEY, "customer")),
    ),
    (
        *(3, "transfers.create Transfer.create", "acct"),
        *("Transfer {amount} {currency} to destination {id}.", (*MONEY, "destination")),
    ),
    (
        *(3, "payouts.create Payout.create", "ba"),
        *("Pay out {amount} {currency} to destination {id}.", (*MONEY, "destination")),
    ),
    (
        *(4, "transfers.create Transfer.create", "acct"),
        *("Transfer {amount} {currency} to {id}.", (*MONEY, "destination")),
    ),
    (
        *(4, "payouts.create Payout.create", "ba"),
        *("Pay out {amount} {currency} to {id}.", (*MONEY, "destination")),
    ),
)

Row = dict[str, Any]


def build() -> dict[str, list[Row]]:
    """Draw both tasks."""
    files = {split: full_rows(split) for split in SIZES}
    files["validation-quick"] = files["validation"][:QUICK_ROWS]
    for split in SIZES:
        files[f"local-{split}"] = local_rows(split)
    files["local-validation-quick"] = files["local-validation"][:QUICK_ROWS]
    return files


def full_rows(split: str) -> list[Row]:
    """Draw one split of the full task, tier after tier; no request occurs twice."""
    rng = random.Random(f"{SEED}-1-{split}")
    rows: list[Row] = []
    seen: set[str] = set()
    while len(rows) < SIZES[split]:
        tier = TIERS[len(rows) % len(TIERS)]
        able = [one for one in OPERATIONS if one["split"] == split and tier in tiers_of(one)]
        row = full_row(rng, tier, rng.choice(able), REMAINDERS[split])
        request = row["messages"][-1]["content"]
        if request not in seen:
            seen.add(request)
            rows.append(row)
    rng.shuffle(rows)
    return rows


def tiers_of(operation: dict[str, Any]) -> list[int]:
    """Tell the tiers that an operation can fill: 1 plain, 2 an enum, 3 parts inside, 4 money to convert."""
    kinds = {part["kind"] for part in operation.get("part", ())}
    can = {2: "enum" in kinds, 3: "nested" in kinds, 4: "$money" in operation["ask"] or "money" in kinds}
    return operation.get("tiers") or [1, *(tier for tier, is_able in can.items() if is_able)]


def full_row(rng: random.Random, tier: int, operation: dict[str, Any], remainder: int) -> Row:
    """Lay out a row of the full task: an operation and a few wishes."""
    parts = draw_parts(rng, tier, operation)
    currency = next((part["currency"] for part in parts if "currency" in part), None)
    slots = Slots(rng, remainder, in_major_units=tier == 4, currency=currency)
    wishes = [operation["ask"], *(part["text"] for part in parts)]
    request = "; ".join(slots.tell(wish) for wish in wishes) + "."
    ids = {f"id {n}": slots.fill(one) for n, one in enumerate(operation.get("ids", ()))}
    arguments: dict[str, Any] = {}
    for part in (operation, *parts):
        arguments |= slots.fill(part["args"])
    style = rng.choice(("client", "class"))
    return make_row(
        [{"role": "user", "content": f"{INTRODUCTION.format(version=PACKAGES['stripe'])}\n\n{request}"}],
        operation["name"],
        {**ids, **arguments},
        tier,
        style=style,
    )


def draw_parts(rng: random.Random, tier: int, operation: dict[str, Any]) -> list[dict[str, Any]]:
    """Draw the wishes of a tier, no two of which set the same argument."""
    parts = list(operation.get("part", ()))
    rng.shuffle(parts)
    first = {2: "enum", 3: "nested", 4: "money"}.get(tier)
    others = {1: ("plain",), 2: ("plain",), 3: ("plain", "enum"), 4: ("plain", "enum", "nested")}[tier]
    chosen = [part for part in parts if part["kind"] == first][:1]
    wishes = [part for part in parts if part["kind"] in others]
    for wish in wishes[: rng.randint(0, 1 if tier < 4 else 2)]:
        if not any(set(wish["args"]) & set(part["args"]) for part in chosen):
            chosen.append(wish)
    return chosen


def make_row(
    messages: list[dict[str, str]],
    name: str,
    want: dict[str, Any],
    tier: int,
    *,
    style: str,
    fence: bool = True,
) -> Row:
    """Lay out a row: the request, what is wanted, what the operation takes, and one right answer."""
    wanted = dict(leaves("", want))
    opened = {plain(path).rsplit(".", n)[0] for path in wanted for n in range(1, 6) if "." in path}
    api = read_operation(*name.split(" "), frozenset(opened))
    types = {path: type_of(plain(path), api["allowed"]) for path in wanted if not path.startswith("id ")}
    code = write_call(api, want, style)
    return {
        "messages": messages,
        "want": want,
        "api": {**api, "allowed": list(api["allowed"]), "types": types},
        "fence": fence,
        "reference": f"```python\n{code}\n```" if fence else code,
        "tier": tier,
    }


def leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Lay nested arguments out flat, as the grader does."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from leaves(f"{path}.{key}" if path else key, part)
    elif isinstance(value, list) and any(isinstance(part, dict) for part in value):
        for n, part in enumerate(value):
            yield from leaves(f"{path}.{n}", part)
    else:
        yield path, value


def plain(path: str) -> str:
    """Write `items.0.price` as `items.price`."""
    return re.sub(r"\.\d+(?=\.|$)", "", path)


def type_of(path: str, allowed: dict[str, Any]) -> Any:
    """Look an argument's type up; that it has one proves that operations.toml invents nothing."""
    return allowed[path] if path in allowed else allowed[f"{path.rpartition('.')[0]}.*"]


def write_call(api: dict[str, Any], want: dict[str, Any], style: str) -> str:
    """Write the call as a client's method or as a class's."""
    ids = [literal(value) for key, value in want.items() if key.startswith("id ")]
    arguments = {key: value for key, value in want.items() if not key.startswith("id ")}
    if style == "client":
        given = [*ids, literal(arguments)] if arguments else ids
        return f"client.v1.{api['service']}({', '.join(given)})"
    named = [f"{key}={literal(value)}" for key, value in arguments.items()]
    return f"stripe.{api['class']}({', '.join([*ids, *named])})"


def literal(value: Any) -> str:
    """Write a value in Python, texts in double quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(key)}: {literal(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def local_rows(split: str) -> list[Row]:
    """Draw one split of the easier task; an operation's amounts differ."""
    rng = random.Random(f"{SEED}-2-{split}")
    rows: list[Row] = []
    seen: set[tuple[str, Any]] = set()
    while len(rows) < SIZES[split]:
        tier = LOCAL_TIERS[len(rows) % len(LOCAL_TIERS)]
        _, name, prefix, ask, order = rng.choice([kind for kind in LOCAL_KINDS if kind[0] == tier])
        slots = Slots(rng, REMAINDERS[split])
        values = {"amount": slots.short_amount(), "currency": rng.choice(LOCAL_CURRENCIES)}
        values["id"] = slots.short_id(prefix)
        if (name, values["amount"]) in seen:
            continue
        seen.add((name, values["amount"]))
        want = {argument: values.get(argument, values["id"]) for argument in order}
        messages = local_messages(ask.format(**values))
        rows.append(make_row(messages, name, want, tier, style="class", fence=False))
    rng.shuffle(rows)
    return rows


def local_messages(request: str) -> list[dict[str, str]]:
    """Put the operations and two worked examples before a request."""
    messages = [{"role": "system", "content": LOCAL_SYSTEM}]
    for question, answer in LOCAL_EXAMPLES:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return [*messages, {"role": "user", "content": request}]


if __name__ == "__main__":
    sys.exit(build_sample(__file__, build, seed=SEED, packages=PACKAGES))
