"""The stripe sample: its calls read back from its requests, its partial credit, the snippets it refuses."""

from __future__ import annotations

import ast
import json
import re
import runpy
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "stripe"
FULL = ("train", "validation", "test")
LOCAL = tuple(f"local-{split}" for split in FULL)
GRADE = runpy.run_path(str(SAMPLE / "grader.py"))["grade"]
# By hand from Stripe's page on currencies, not from slots.py.
ZERO_DECIMAL, THREE_DECIMAL = {"CLP", "JPY", "KRW", "VND"}, {"BHD", "JOD", "KWD"}
LOCAL_REQUEST = re.compile(r"(\D+?) (\d+)(?: ([a-z]{3}))?(?: \D*?)? ?((?:ch|cus|acct|ba)_\w+)\.")
LOCAL_CALLS = {
    "Refund": 'Refund.create(charge="{id}", amount={amount})',
    "Payment intent of": 'PaymentIntent.create(amount={amount}, currency="{currency}", customer="{id}")',
    "Invoice item of": 'InvoiceItem.create(amount={amount}, currency="{currency}", customer="{id}")',
    "Transfer": 'Transfer.create(amount={amount}, currency="{currency}", destination="{id}")',
    "Pay out": 'Payout.create(amount={amount}, currency="{currency}", destination="{id}")',
}
ITEM: dict[str, Any] = {
    "want": {"id 0": "sub_1", "items": [{"price": "price_1", "quantity": 2}], "prorate": True, "mode": "now"},
    "api": {
        "service": "subscriptions.update",
        "class": "Subscription.modify",
        "n_ids": 1,
        "allowed": [
            "items",
            "items.price",
            "items.quantity",
            "items.plan",
            "prorate",
            "mode",
            "note",
            "shipping",
        ],
        "required": ["id 0", "items"],
        "types": {
            "items.0.price": "str",
            "items.0.quantity": "int",
            "prorate": "bool",
            "mode": ["now", "later"],
        },
    },
    "fence": False,
}
ITEMS = 'items=[{"price": "price_1", "quantity": 2}]'
RIGHT = f'stripe.Subscription.modify("sub_1", {ITEMS}, prorate=True, mode="now")'


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLE / f"{name}.jsonl").read_text("utf-8").splitlines()]


def request_of(row: dict[str, Any]) -> str:
    return str(row["messages"][-1]["content"].rpartition("\n\n")[2])


def grade(text: str, item: dict[str, Any] | None = None) -> float:
    reward: float = GRADE({"output_text": text}, item or ITEM)
    return reward


def values_in(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from values_in(part)
    else:
        yield value


def wanted_by(code: str) -> dict[str, Any]:
    """Read a right answer's ids and arguments, in either style, with Python's own reader of literals."""
    statement = ast.parse(code.strip("`").removeprefix("python")).body[0]
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Call)
    call = statement.value
    found: dict[str, Any] = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    for n, node in enumerate(call.args):
        value = ast.literal_eval(node)
        found |= value if isinstance(value, dict) else {f"id {n}": value}
    return found


def amount_told(request: str) -> int | None:
    """Convert the amount in a request with decimal arithmetic."""
    minor = re.search(r"(\d+) [a-z]{3} in minor units", request)
    major = re.search(r"(\d+(?:\.\d+)?) ([A-Z]{3})\b", request)
    if minor:
        return int(minor[1])
    if not major:
        return None
    digits = 0 if major[2] in ZERO_DECIMAL else 3 if major[2] in THREE_DECIMAL else 2
    return int(Decimal(major[1]).scaleb(digits))


@pytest.mark.parametrize("name", LOCAL)
def test_every_call_of_the_easier_task_follows_from_its_request(name: str) -> None:
    for row in rows(name):
        found = LOCAL_REQUEST.fullmatch(request_of(row))
        assert found, request_of(row)
        call = "stripe." + LOCAL_CALLS[found[1]].format(amount=found[2], currency=found[3], id=found[4])
        assert (call, wanted_by(call)) == (row["reference"], row["want"])


@pytest.mark.parametrize("name", FULL)
def test_every_amount_equals_the_request_converted_by_decimal_arithmetic(name: str) -> None:
    told = [(amount_told(request_of(row)), row) for row in rows(name)]
    for amount, row in told:
        numbers = {abs(one) for one in values_in(row["want"]) if type(one) is int}
        assert amount is None or amount in numbers
    assert all(amount is not None for amount, row in told if row["tier"] == 4)


@pytest.mark.parametrize("name", FULL)
def test_every_text_of_a_call_stands_in_the_request_or_is_an_enum_value(name: str) -> None:
    for row in rows(name):
        request = request_of(row)
        enums = {one for kind in row["api"]["types"].values() if isinstance(kind, list) for one in kind}
        texts = {one for one in values_in(row["want"]) if isinstance(one, str)}
        assert {x for x in texts if x not in enums and x.lower() not in request.lower()} == set()


@pytest.mark.parametrize("name", [*FULL, *LOCAL])
def test_no_right_answer_stands_in_its_prompt(name: str) -> None:
    for row in rows(name):
        code = row["reference"].strip("`").removeprefix("python").strip()
        assert not any(code in message["content"] for message in row["messages"])


@pytest.mark.parametrize("name", FULL)
def test_no_enum_value_that_a_request_describes_is_spelled_in_it(name: str) -> None:
    for row in rows(name):
        enums = [
            path for path, kind in row["api"]["types"].items() if isinstance(kind, list) and "." not in path
        ]
        spelled = [path for path in enums if re.search(rf"\b{row['want'][path]}\b", request_of(row))]
        assert spelled == [], request_of(row)


@pytest.mark.parametrize("name", [*FULL, *LOCAL])
def test_every_right_answer_is_what_is_wanted_and_earns_everything(name: str) -> None:
    for row in rows(name):
        assert wanted_by(row["reference"]) == row["want"]
        assert grade(row["reference"], row) == pytest.approx(1.0)


@pytest.mark.parametrize("name", [*FULL, *LOCAL])
def test_wanted_arguments_are_allowed_and_enum_values_exist(name: str) -> None:
    for row in rows(name):
        allowed = set(row["api"]["allowed"]) | {f"id {n}" for n in range(row["api"]["n_ids"])}
        assert set(row["want"]) <= allowed
        assert set(row["api"]["required"]) <= set(row["want"])
        enums = {path: kind for path, kind in row["api"]["types"].items() if isinstance(kind, list)}
        assert all(row["want"][path] in kind for path, kind in enums.items() if "." not in path)


def test_no_operation_of_the_full_task_stands_in_two_splits() -> None:
    services = [{row["api"]["service"] for row in rows(name)} for name in FULL]
    assert sum(map(len, services)) == len(set().union(*services))
    assert [len(one) for one in services] == [24, 9, 14]


@pytest.mark.parametrize("names", [FULL, LOCAL])
def test_no_amount_and_no_id_stands_in_two_splits(names: tuple[str, ...]) -> None:
    told = re.compile(r"(?:ch|pi|cus|acct|ba|prod|sub|price|in)_\w+|(?<=Refund )\d+|\d+(?= [a-z]{3}\b)")
    splits = [{one for row in rows(name) for one in told.findall(request_of(row))} for name in names]
    assert sum(map(len, splits)) == len(set().union(*splits))


@pytest.mark.parametrize("name", [*FULL, *LOCAL])
def test_every_tier_occurs_in_every_split(name: str) -> None:
    tiers = [row["tier"] for row in rows(name)]
    assert all(tiers.count(tier) >= 0.15 * len(tiers) for tier in (1, 2, 3, 4))


@pytest.mark.parametrize(
    ("code", "reward"),
    [
        (RIGHT, 1.0),
        (RIGHT.replace("stripe.Subscription.modify", "client.v1.subscriptions.modify"), 0.0),
        ('client.v1.subscriptions.update("sub_1", {"mode": "now", "prorate": True, ' + ITEMS[:5] + "})", 0.0),
        (RIGHT.replace("prorate=True", 'prorate="true"'), 0.3 + 0.7 * 4.5 / 5),
        (RIGHT.replace("prorate=True", "prorate=False"), 0.3 + 0.7 * 4 / 5),
        (RIGHT.replace('mode="now"', 'mode="later"'), 0.3 + 0.7 * 4 / 5),
        (RIGHT.replace('mode="now"', 'mode="soon"'), 0.3 + 0.7 * 4 / 5 - 0.25),
        (RIGHT.replace('mode="now"', 'mode="now", note="x"'), 0.75),
        (RIGHT.replace('mode="now"', 'mode="now", shipping={"x": 1}'), 0.75),
        (RIGHT.replace('mode="now"', 'mode="now", bogus="x"'), 0.5),
        (RIGHT.replace('"quantity": 2', '"quantity": 2, "plan": "p"'), 0.75),
        (RIGHT.replace('"quantity": 2', '"quantity": 2, "bogus": "p"'), 0.5),
        (RIGHT.replace(f"{ITEMS}, ", ""), 0.3 + 0.7 * 3 / 5 - 0.25),
        (RIGHT.replace('"sub_1", ', ""), 0.3 + 0.7 * 4 / 5 - 0.25),
        (RIGHT.replace("modify", "cancel"), 0.0),
    ],
)
def test_partial_credit(code: str, reward: float) -> None:
    assert grade(code) == pytest.approx(reward)


@pytest.mark.parametrize(
    "code",
    [
        'client.v1.subscriptions.update("sub_1", {ARGS})',
        'client.subscriptions.update("sub_1", params={ARGS}, options={"idempotency_key": "k"})',
        'arguments = {ARGS}\ndone = client.v1.subscriptions.update("sub_1", arguments)\nprint(done.id)',
        'import stripe\nstripe.api_key = "sk_test"\nstripe.Subscription.modify("sub_1", **{ARGS})',
        'client = stripe.StripeClient("sk_test")\nclient.v1.subscriptions.update("sub_1", {ARGS})',
    ],
)
def test_either_style_earns_everything(code: str) -> None:
    arguments = '{"items": [{"price": "price_1", "quantity": 2}], "prorate": True, "mode": "now"}'
    assert grade(code.replace("{ARGS}", arguments)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "code",
    [
        f"if False:\n    {RIGHT}",
        f"if True:\n    {RIGHT}",
        f"try:\n    {RIGHT}\nfinally:\n    pass",
        f"def f():\n    {RIGHT}",
        f"f = lambda: {RIGHT}",
        f"# {RIGHT}",
        f"'''{RIGHT}'''",
        f"raise SystemExit\n{RIGHT}",
        f"exit()\n{RIGHT}",
        f"x = 1 / 0\n{RIGHT}",
        f"x = unknown\n{RIGHT}",
        f'client = StripeClient("sk_test")\n{RIGHT}',
        f"print(unknown)\n{RIGHT}",
        f"import json as stripe\n{RIGHT}",
        f"stripe = 1\n{RIGHT}",
        f"{RIGHT}\n{RIGHT}",
        f"x = stripe.Charge.list()\n{RIGHT}",
        f"{RIGHT} or 0",
        f"[{RIGHT}]",
        f"[{RIGHT} for _ in range(9)]",
        RIGHT.replace("True", "bool(1)"),
        RIGHT.replace("prorate=True", "prorate=(stripe := True)"),
        RIGHT.replace("prorate=True", "prorate=True, prorate=True"),
        RIGHT.replace("prorate=True", '**{"items.0.price": "price_1"}'),
        RIGHT.replace('"sub_1", ', '**{"id 0": "sub_1"}, '),
        RIGHT.replace('"quantity": 2', "[1]: 2"),
        f"```python\n{RIGHT}\n```",
        f"{RIGHT} is the call",
        RIGHT + " " * 4_000 + "#",
        "(" * 900,
        "-" * 3_900 + "1",
        "stripe" + ".a" * 1_900 + "()",
        "\0",
    ],
)
def test_what_is_not_one_call_that_runs_earns_nothing(code: str) -> None:
    assert grade(code) == 0.0


@pytest.mark.parametrize(
    ("text", "reward"),
    [
        (f"```python\n{RIGHT}\n```", 1.0),
        (f"\n```\n{RIGHT}\n```\n", 1.0),
        (RIGHT, 0.0),
        (f"Here:\n```python\n{RIGHT}\n```", 0.0),
        (f"```python\n{RIGHT}\n```\n```python\n{RIGHT}\n```", 0.0),
        (f"```json\n{RIGHT}\n```", 0.0),
    ],
)
def test_a_code_block_is_needed_where_the_prompt_asks_for_one(text: str, reward: float) -> None:
    assert grade(text, ITEM | {"fence": True}) == pytest.approx(reward)


def test_the_grader_never_runs_a_snippet(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    assert grade(RIGHT.replace('"sub_1"', f"open({str(trace)!r}, 'w')")) == 0.0
    assert not trace.exists()


def test_the_lambda_function_carries_the_grader_as_it_is() -> None:
    from rftctl.commands.draft import lambda_source

    source = (SAMPLE / "grader.py").read_text("utf-8")
    written = (SAMPLE / "lambda_function.py").read_text("utf-8")
    assert lambda_source({"type": "python", "source": source}) == written
