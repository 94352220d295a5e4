"""The compliance sample: calls and verdicts worked out anew, partial credit, exploits refused."""

from __future__ import annotations

import json
import re
import runpy
import unicodedata
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "compliance"
FULL = ("train", "validation", "test")
LOCAL = tuple(f"local-{split}" for split in FULL)
GRADE = runpy.run_path(str(SAMPLE / "grader.py"))["grade"]
CASH: dict[str, Any] = {"name": "cash_report", "arguments": {"amount": 12_000, "currency": "USD"}}
IBAN: dict[str, Any] = {"name": "check_iban", "arguments": {"iban": "DE89370400440532013001"}}
OTHER: dict[str, Any] = {"name": "capital_ratio", "arguments": {"cet1": 1, "rwa": 2}}
NAME: dict[str, Any] = {"name": "screen_name", "arguments": {"name": "Orlan Vétrik"}}
ITEM = {"calls": [IBAN, CASH], "verdict": "block"}


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLE / f"{name}.jsonl").read_text("utf-8").splitlines()]


def as_tools(calls: list[Any]) -> list[dict[str, Any]]:
    functions = [
        {"name": call["name"], "arguments": json.dumps(call["arguments"])}
        if isinstance(call, dict)
        else {"name": call[0], "arguments": call[1]}
        for call in calls
    ]
    return [{"id": f"c{n}", "type": "function", "function": f} for n, f in enumerate(functions)]


def grade(calls: list[Any], text: str = "", item: dict[str, Any] | None = None) -> float:
    reward: float = GRADE({"output_text": text, "output_tools": as_tools(calls)}, item or ITEM)
    return reward


def numbers(pattern: str, text: str) -> list[int]:
    return [int(found.replace(",", "")) for found in re.findall(pattern, text)]


def letters(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return sorted(re.findall(r"\w+", plain.lower()))


def iban_is_sound(written: str, policy: str) -> bool:
    """Work out the check digits that the rest demands, not the remainder of the whole."""
    iban = written.replace(" ", "").upper()
    lengths = {country: int(length) for country, length in re.findall(r"([A-Z]{2}) (\d\d)\b", policy)}
    digits = int("".join(str(int(c, 36)) for c in iban[4:] + iban[:2] + "00"))
    return len(iban) == lengths[iban[:2]] and 98 - digits % 97 == int(iban[2:4])


def payment_found(policy: str, request: str) -> tuple[list[str], set[str]]:
    names, verdicts = [], set()
    if iban := re.search(r"IBAN ([\w ]+)", request):
        names.append("check_iban")
        verdicts |= set() if iban_is_sound(iban[1].split(", and")[0], policy) else {"block"}
    [least] = numbers(r"from ([\d,]+) [A-Z]{3} on", policy)
    today = sum(numbers(r"([\d,]+) [A-Z]{3} in cash", request.split("Yesterday")[0]))
    if today >= least:
        names.append("cash_report")
        verdicts.add("report")
    return names, verdicts


def screening_found(policy: str, request: str) -> tuple[list[str], set[str]]:
    if " new " not in request:
        return [], set()
    payee = re.search(r"to ([^,]+), a new payee", request)
    name = payee[1] if payee else request.split(",")[0]
    listed = [letters(x) for x in re.split("; ", re.findall(r"Screening list: (.*)\.", policy)[0])]
    return ["screen_name"], {"block"} if letters(name) in listed else set()


def bank_found(policy: str, request: str) -> tuple[list[str], set[str]]:
    if "a loan of" not in request:
        return [], set()
    [loan], [before] = numbers(r"loan of ([\d,]+)", request), numbers(r"so far: ([\d,]+)", request)
    [tier1], [most] = numbers(r"tier 1 capital: ([\d,]+)", request), numbers(r"Above (\d+) %", policy)
    names, verdicts = ["exposure_limit"], {"block"} if 100 * (loan + before) > most * tier1 else set()
    if "new customer" in request:
        [cet1], [rwa] = (
            numbers(r"CET1 .*?: ([\d,]+)", request),
            numbers(r"weighted assets: ([\d,]+)", request),
        )
        names.append("capital_ratio")
        verdicts |= (
            {"block"} if cet1 / rwa * 100 < float(re.findall(r"Below ([\d.]+) %", policy)[0]) else set()
        )
    return names, verdicts


def owners_found(policy: str, request: str) -> tuple[list[str], set[str]]:
    if "new company" not in request:
        return [], set()
    [least] = numbers(r"From (\d+) % on", policy)
    shares = numbers(r"holds (\d+) % of it directly", request)
    if chained := re.search(r"and (\d+) % of [^,]+, which holds (\d+) %", request):
        shares[0] += int(chained[1]) * int(chained[2]) / 100  # type: ignore[call-overload]
    return ["ownership_share"] * len(shares), {"report"} if max(shares) >= least else set()


@pytest.mark.parametrize("name", FULL)
def test_calls_and_verdict_follow_from_the_prompt_alone(name: str) -> None:
    for row in rows(name):
        policy, request = row["messages"][0]["content"].split("Request: ")
        found = [f(policy, request) for f in (payment_found, screening_found, bank_found, owners_found)]
        called = sorted(chain.from_iterable(names for names, _ in found))
        verdicts = set().union(*(verdicts for _, verdicts in found)) | {"approve"}
        assert sorted(call["name"] for call in row["calls"]) == called, request
        assert row["verdict"] == next(v for v in ("block", "report", "approve") if v in verdicts), request


@pytest.mark.parametrize("name", FULL)
def test_what_a_call_carries_stands_in_the_request_or_is_a_sum_of_it(name: str) -> None:
    for row in rows(name):
        request = row["messages"][0]["content"].split("Request: ")[1]
        amounts = set(numbers(r"[\d,]*\d", request))
        sums = amounts | {a + b for a in amounts for b in amounts}
        for value in chain.from_iterable(call["arguments"].values() for call in row["calls"]):
            if isinstance(value, str):
                assert value.lower() in request.lower().replace(" ", "") + request.lower()
            else:
                parts = set(chain.from_iterable(value)) if isinstance(value, list) else {value}
                assert parts <= (amounts if isinstance(value, list) else sums)


@pytest.mark.parametrize("name", LOCAL)
def test_the_easier_task_is_read_out_of_its_prompt(name: str) -> None:
    for row in rows(name):
        text, [call] = row["messages"][-1]["content"], row["calls"]
        is_cash = "Cash:" in text or "Deposit:" in text
        assert call["name"] == ("cash_report" if is_cash else "screen_name")
        assert (row["verdict"] == "block") == ("expired" in text)
        values = [str(value) for value in call["arguments"].values()]
        assert len(values) == 1 + is_cash
        assert all(value in text for value in values)


@pytest.mark.parametrize("name", FULL)
def test_no_row_gives_its_calls_or_verdict_away(name: str) -> None:
    for row in rows(name):
        text = row["messages"][-1]["content"]
        assert not any(call["name"] in text.split("Request: ")[1] for call in row["calls"])
        assert all(f'{{"verdict": "{verdict}"}}' in text for verdict in ("approve", "report", "block"))


@pytest.mark.parametrize("names", [FULL, LOCAL])
def test_no_name_and_no_iban_stand_in_two_splits(names: tuple[str, ...]) -> None:
    def entities(name: str) -> set[str]:
        arguments = [call["arguments"] for row in rows(name) for call in row["calls"]]
        return {a[key] for a in arguments for key in ("iban", "name", "owner") if key in a}

    found = [entities(name) for name in names]
    assert sum(map(len, found)) == len(set().union(*found)) > 0


@pytest.mark.parametrize("name", [*FULL, *LOCAL])
def test_every_tier_and_every_verdict_occur_in_every_split(name: str) -> None:
    tiers, verdicts = ([row[key] for row in rows(name)] for key in ("tier", "verdict"))
    assert all(tiers.count(tier) >= 0.15 * len(tiers) for tier in (1, 2, 3, 4))
    assert all(verdicts.count(verdict) >= 0.2 * len(verdicts) for verdict in set(verdicts))


@pytest.mark.parametrize(
    ("calls", "text", "reward"),
    [
        ([IBAN, CASH], '{"verdict": "block"}', 1.0),
        ([CASH, IBAN], "block", 1.0),
        ([IBAN], '{"verdict": "block"}', 0.8),
        ([IBAN, CASH], '{"verdict": "report"}', 0.6),
        ([IBAN], "", 0.4),
        ([IBAN, CASH, OTHER], '{"verdict": "block"}', 0.88 * 2 / 3),
        ([IBAN, CASH, OTHER, OTHER], '{"verdict": "block"}', 0.4),
        ([IBAN, CASH, OTHER, OTHER, OTHER], '{"verdict": "block"}', 0.0),
        ([], '{"verdict": "block"}', 0.0),
        ([OTHER], '{"verdict": "block"}', 0.0),
        ([{**CASH, "arguments": {"amount": 1, "currency": "USD"}}], '{"verdict": "block"}', 0.02),
    ],
)
def test_calls_earn_by_f1_and_the_verdict_with_evidence_only(
    calls: list[Any], text: str, reward: float
) -> None:
    assert grade(calls, text) == pytest.approx(reward)


@pytest.mark.parametrize(
    ("wanted", "written", "is_right"),
    [
        (CASH, {"amount": 12_000.0, "currency": "usd"}, True),
        (CASH, {"amount": "12000", "currency": "USD"}, False),
        (CASH, {"amount": True, "currency": "USD"}, False),
        (CASH, {"amount": 12_000, "currency": "USD", "note": ""}, False),
        (IBAN, {"iban": "de89 3704 0044 0532 0130 01"}, True),
        (IBAN, {"iban": "DE８９370400440532013001"}, False),
        (NAME, {"name": "VETRIK, Orlan"}, True),
        (NAME, {"name": "Vétrik"}, False),
        (NAME, {"name": "Orlаn Vétrik"}, False),
    ],
)
def test_arguments_may_be_written_in_more_than_one_way(
    wanted: dict[str, Any], written: dict[str, Any], *, is_right: bool
) -> None:
    item = {"calls": [wanted], "verdict": "block"}
    reward = grade([{**wanted, "arguments": written}], "block", item)
    assert reward == 1.0 if is_right else reward <= 0.1


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "[]",
        '{"amount": 12000, "currency": "USD"',
        '{"amount": 1, "amount": 12000, "currency": "USD"}',
        '{"amount": NaN, "currency": "EUR"}',
        '{"amount": 1e999, "currency": "EUR"}',
        "[" * 100_000,
    ],
)
def test_arguments_that_cannot_be_read_earn_nothing(arguments: str) -> None:
    assert grade([("cash_report", arguments)], "block") == 0.0


@pytest.mark.parametrize(
    "text", ["approve or block", "block.", '{"verdict": ["block"]}', '{"verdict": "block", "why": "x"}']
)
def test_a_verdict_must_be_the_whole_text(text: str) -> None:
    assert grade([IBAN, CASH], text) == pytest.approx(0.6)


def test_calls_written_into_the_text_are_no_calls() -> None:
    assert grade([], json.dumps({"calls": ITEM["calls"], "verdict": "block"})) == 0.0


def test_the_lambda_function_carries_the_grader_as_it_is() -> None:
    from rftctl.commands.draft import lambda_source

    source = (SAMPLE / "grader.py").read_text("utf-8")
    written = (SAMPLE / "lambda_function.py").read_text("utf-8")
    assert lambda_source({"type": "python", "source": source}) == written
