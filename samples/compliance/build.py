"""Build the rows of the compliance sample: requests, the calls that a policy asks for, the verdict.

In: a seed and the rules in policy.py. Out: the full task (train, validation, test: one to three calls out of
six tools, three verdicts) and an easier one for a small model (local-train, local-validation, local-test:
one call out of two tools, two verdicts).
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from building import build_sample
from desk import CURRENCIES, KINDS, Names, draw_limits, draw_request
from policy import TOOLS, decide, policy_text

SEED = 20261122
PACKAGES: dict[str, str] = {}
SIZES = {"train": 360, "validation": 120, "test": 220}
LOCAL_SIZES = {"train": 320, "validation": 100, "test": 200}
QUICK_ROWS = 24
TASK = (
    "You work at the compliance desk of a bank. In one turn make every call that the policy asks for, and no"
    " other; tools return nothing, so work their results out yourself. With the calls give your verdict as"
    ' JSON: {"verdict": "approve"}, {"verdict": "report"} or {"verdict": "block"}.'
)

Row = dict[str, Any]


def build() -> dict[str, list[Row]]:
    """Draw both tasks; no name, company or IBAN occurs in two splits."""
    files: dict[str, list[Row]] = {}
    names = Names(f"{SEED}-names")
    for split, size in SIZES.items():
        rng = random.Random(f"{SEED}-1-{split}")
        files[split] = [full_row(rng, names) for _ in range(size)]
    files["validation-quick"] = files["validation"][:QUICK_ROWS]
    names = Names(f"{SEED}-local-names")
    for split, size in LOCAL_SIZES.items():
        rng = random.Random(f"{SEED}-2-{split}")
        files[f"local-{split}"] = [local_row(rng, names.person()) for _ in range(size)]
    files["local-validation-quick"] = files["local-validation"][:QUICK_ROWS]
    return files


def full_row(rng: random.Random, names: Names) -> Row:
    """Lay out a row of the full task: policy and request, the calls and the verdict to find."""
    tier = rng.randint(1, len(KINDS))
    kind = rng.choice(KINDS[tier])
    target = rng.choice(("approve", "report", "block"))
    request, limits, text = draw_request(rng, names, tier, kind, draw_limits(rng, names), target)
    calls, verdict = decide(request, limits)
    return {
        "messages": [{"role": "user", "content": f"{TASK}\n\n{policy_text(limits)}\n\nRequest: {text}"}],
        "tools": TOOLS,
        "calls": calls,
        "verdict": verdict,
        "tier": tier,
    }


def local_tool(name: str, properties: dict[str, str]) -> dict[str, Any]:
    """Lay out a tool in few tokens."""
    typed = {key: {"type": kind} for key, kind in properties.items()}
    return {
        "type": "function",
        "function": {"name": name, "parameters": {"type": "object", "properties": typed}},
    }


LOCAL_TOOLS = [
    local_tool("cash_report", {"amount": "number", "currency": "string"}),
    local_tool("screen_name", {"name": "string"}),
]
PASSPORTS = {"approve": "Passport valid.", "block": "Passport expired."}
# By tier: how a cash deposit and a wire, whose payee is screened, are put.
LOCAL_TEXTS = {
    1: (
        "Cash: {amount} {currency} from {name}. {passport}",
        "Screen: {name}, wire of {amount} {currency}. {passport}",
    ),
    2: (
        "{passport} Cash: {amount} {currency} from {name}.",
        "{passport} Screen: {name}, wire of {amount} {currency}.",
    ),
    3: (
        "Cash: {name}, {amount} {currency}. {passport}",
        "Screen: wire of {amount} {currency} to {name}. {passport}",
    ),
    4: (
        "Deposit: {amount} {currency} from {name}. {passport}",
        "Wire: {name}, {amount} {currency}. {passport}",
    ),
}


def local_request(
    tier: int, is_cash: bool, amount: int, currency: str, name: str, verdict: str
) -> tuple[str, dict[str, Any]]:
    """Put a request of the easier task into words, and give its call."""
    text = LOCAL_TEXTS[tier][0 if is_cash else 1].format(
        amount=amount, currency=currency, name=name, passport=PASSPORTS[verdict]
    )
    if is_cash:
        return text, {"name": "cash_report", "arguments": {"amount": amount, "currency": currency}}
    return text, {"name": "screen_name", "arguments": {"name": name}}


def local_example(is_cash: bool, amount: int, currency: str, name: str, verdict: str) -> list[dict[str, Any]]:
    """Show a request and its answer, the call in words: a turn of role tool misleads so small a model."""
    text, call = local_request(1, is_cash, amount, currency, name, verdict)
    answer = f"<tool_call>{json.dumps(call)}</tool_call>\n{verdict}"
    return [{"role": "user", "content": text}, {"role": "assistant", "content": answer}]


LOCAL_EXAMPLES = [
    *local_example(True, 9400, "EUR", "Mara Lind", "block"),
    *local_example(False, 650, "GBP", "Tomas Berg", "approve"),
]


def local_row(rng: random.Random, name: str) -> Row:
    """Lay out a row of the easier task: one request after two worked ones."""
    tier, verdict = rng.randint(1, len(LOCAL_TEXTS)), rng.choice(tuple(PASSPORTS))
    amount, currency = 50 * rng.randrange(10, 400), rng.choice(CURRENCIES)
    text, call = local_request(tier, rng.random() < 0.5, amount, currency, name, verdict)
    return {
        "messages": [*LOCAL_EXAMPLES, {"role": "user", "content": text}],
        "tools": LOCAL_TOOLS,
        "calls": [call],
        "verdict": verdict,
        "tier": tier,
    }


if __name__ == "__main__":
    sys.exit(build_sample(__file__, build, seed=SEED, packages=PACKAGES))
