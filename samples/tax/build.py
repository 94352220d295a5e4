"""Build the rows of the tax sample: households, the rules they fall under, and what their return comes to.

In: a seed and the amounts in rules.py. Out: the full task (train, validation, test: agi, taxable income,
tax) and an easier one for a small model (local-train, local-validation, local-test: agi and deduction).
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from building import build_sample
from rules import RATES, SCHEDULES, Schedule, work_out

SEED = 20261122
PACKAGES: dict[str, str] = {}
SIZES = {"train": 360, "validation": 120, "test": 220}
QUICK_ROWS = 24
TIERS = ("wages", "interest", "gain", "trap")
STATUSES = {"single": "single", "joint": "married filing jointly"}
# A household belongs to one split by its wages: 0, 1 or 2 modulo 3, in steps of 25 dollars.
REMAINDERS = {"train": 0, "validation": 1, "test": 2}
# High enough for no earned income credit, low enough for no surtax on wages or investment income.
WAGES = {"single": (21_000, 185_000), "joint": (60_000, 230_000)}
TRAPS = (
    "An aunt gave them ${amount} as a present.",
    "They inherited ${amount} from a grandparent.",
    "They were paid back ${amount} that they had lent to a friend.",
    "A life insurance policy paid them ${amount} after a death.",
    "Interest of ${amount} on bonds of their own city, exempt under section 103.",
    "They borrowed ${amount} from the bank for a car.",
)
FACTS = (
    "They have {n} children, 6 to 12 years old.",
    "They moved to another town in May.",
    "They rent their home.",
    "They own their home and have no mortgage.",
    "They work for one employer all year.",
    "They turned {age} during the year.",
)
JOBS = ("teacher", "welder", "nurse", "clerk", "driver", "cook", "editor", "plumber", "analyst", "tailor")

LOCAL_EXAMPLES = (
    ("2024. A baker, single. Wages $48,250. They rent their home.", '{"agi": 48250, "deduction": 14600}'),
    (
        "2024. A pilot, married filing jointly. Wages $131,900. They inherited $20,500 from a grandparent.",
        '{"agi": 131900, "deduction": 29200}',
    ),
)

Row = dict[str, Any]


def build() -> dict[str, list[Row]]:
    """Draw both tasks; a household's wages never occur in two splits."""
    files = {split: rows_of(split, full_row, 1) for split in SIZES}
    files["validation-quick"] = files["validation"][:QUICK_ROWS]
    for split in SIZES:
        files[f"local-{split}"] = rows_of(split, local_row, 2)
    files["local-validation-quick"] = files["local-validation"][:QUICK_ROWS]
    return files


def rows_of(split: str, make: Any, stream: int) -> list[Row]:
    """Draw one split of one task; no household occurs twice."""
    rng = random.Random(f"{SEED}-{stream}-{split}")
    rows, seen = [], set()
    while len(rows) < SIZES[split]:
        tier = rng.randint(1, len(TIERS))
        status = rng.choice(tuple(STATUSES))
        wages = draw_wages(rng, split, status)
        if (status, wages) in seen:
            continue
        seen.add((status, wages))
        rows.append(make(rng, tier, status, wages))
    return rows


def draw_wages(rng: random.Random, split: str, status: str) -> int:
    """Draw yearly wages in steps of 25 dollars that belong to the split."""
    low, high = WAGES[status]
    step = 3 * rng.randrange(low // 75, high // 75) + REMAINDERS[split]
    return 25 * step


def full_row(rng: random.Random, tier: int, status: str, wages: int) -> Row:
    """Lay out a row of the full task: the rules of the year, the facts, three figures to find."""
    year = rng.choice((2022, 2023, 2024))
    interest = rng.randrange(40, 3_000) if tier >= 2 else 0
    gain = 25 * rng.randrange(20, 700) if tier >= 3 else 0
    lines = [f"Wages ${wages:,}."]
    lines += [f"Bank interest ${interest:,}."] if interest else []
    lines += [f"Long-term capital gain ${gain:,}."] if gain else []
    lines += [trap_of(rng)] if tier == 4 else []
    lines.append(fact_of(rng))
    rng.shuffle(lines)
    result = work_out(year, status, ordinary=wages + interest, gain=gain)
    facts = f"{year}. A {rng.choice(JOBS)}, {STATUSES[status]}. {' '.join(lines)}"
    prompt = f"{rules_text(year, SCHEDULES[year, status], with_gain=gain > 0)}\n\n{facts}\n\n{ASK}"
    answer = {"agi": result.agi, "taxable_income": result.taxable_income, "tax": result.tax}
    return {
        "messages": [{"role": "user", "content": prompt}],
        "answer": answer,
        "tier": tier,
        "facts": {"year": year, "status": status, "wages": wages, "interest": interest, "gain": gain},
    }


ASK = (
    "Work out the return. Tax is before credits, by the rate schedule, not the printed Tax Table. "
    'Reply with JSON only: {"agi": ..., "taxable_income": ..., "tax": ...} in whole dollars.'
)


def rules_text(year: int, schedule: Schedule, *, with_gain: bool) -> str:
    """Write the rules that the household falls under, so that nothing needs to be known by heart."""
    below, parts = 0, []
    for rate, top in zip(RATES, (*schedule.tops, None), strict=True):
        parts.append(f"{rate}% from ${below:,}" + (f" to ${top:,}" if top else ""))
        below = top or 0
    lines = [
        f"Rules for {year}: standard deduction ${schedule.deduction:,}.",
        "Ordinary rates on taxable income: " + "; ".join(parts) + ".",
    ]
    if with_gain:
        zero, fifteen = schedule.gain_tops
        lines.append(
            "Long-term gain is the top part of taxable income: 0% below "
            f"${zero:,}, 15% to ${fifteen:,}, 20% above. It is not taxed at ordinary rates."
        )
    lines.append("Gifts, inheritances, loans, life insurance and exempt interest are no income.")
    return " ".join(lines)


def trap_of(rng: random.Random) -> str:
    """Draw a sum that is no income."""
    return rng.choice(TRAPS).replace("{amount}", f"{25 * rng.randrange(20, 1600):,}")


def fact_of(rng: random.Random) -> str:
    """Draw a fact that does not matter."""
    return rng.choice(FACTS).format(n=rng.randint(2, 4), age=rng.randint(31, 58))


def local_row(rng: random.Random, tier: int, status: str, wages: int) -> Row:
    """Lay out a row of the easier task: 2024 only, wages and a deduction, shown twice before."""
    lines = [f"Wages ${wages:,}."]
    lines += [fact_of(rng)] if tier in (2, 3) else []
    lines += [trap_of(rng)] if tier >= 3 else []
    rng.shuffle(lines)
    facts = f"2024. A {rng.choice(JOBS)}, {STATUSES[status]}. {' '.join(lines)}"
    messages = [
        {"role": role, "content": content}
        for pair in LOCAL_EXAMPLES
        for role, content in zip(("user", "assistant"), pair, strict=True)
    ]
    return {
        "messages": [*messages, {"role": "user", "content": facts}],
        "answer": {"agi": wages, "deduction": SCHEDULES[2024, status].deduction},
        "tier": tier,
        "facts": {"year": 2024, "status": status, "wages": wages},
    }


if __name__ == "__main__":
    sys.exit(build_sample(__file__, build, seed=SEED, packages=PACKAGES))
