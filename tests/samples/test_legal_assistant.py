"""The legal-assistant sample: its days by another count, its partial credit, the exploits it refuses."""

from __future__ import annotations

import json
import re
import runpy
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "legal-assistant"
FULL = ("train", "validation", "test")
LOCAL = tuple(f"local-{split}" for split in FULL)
COUNT = runpy.run_path(str(SAMPLE / "counting.py"), run_name="legal_counting")
GRADE = runpy.run_path(str(SAMPLE / "grader.py"))["grade"]
FULL_ITEM = {"answer": {"due": "2025-07-07", "authority": "Local Rule 7.2(b)"}, "near": ["2025-07-04"]}
LOCAL_ITEM = {"answer": {"days": 14, "added": 3, "authority": "Rule 56(c)"}}
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WRITTEN = re.compile(r"([A-Z][a-z]+) (\d{1,2}), (20\d\d)")
HEADINGS = {
    "Local Rule": "LOCAL RULES",
    "Scheduling Order": "SCHEDULING ORDER",
    "Amended Scheduling Order": "AMENDED SCHEDULING ORDER",
    "Court of Appeals Order": "ORDER OF THE COURT OF APPEALS",
    "Agreement": "AGREEMENT",
    "Amendment": "AMENDMENT",
}


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLE / f"{name}.jsonl").read_text("utf-8").splitlines()]


def prompt_of(row: dict[str, Any]) -> str:
    return str(row["messages"][-1]["content"])


def grade(answer: Any, item: dict[str, Any] | None = None) -> float:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    reward: float = GRADE({"output_text": text}, item or FULL_ITEM)
    return reward


def julian(year: int, month: int, day: int) -> int:
    """Fliegel and Van Flandern's day number, which is 0 modulo 7 on a Monday."""
    a = (month - 14) // 12 if month > 14 else -((14 - month) // 12)
    return (
        (1461 * (year + 4800 + a)) // 4
        + (367 * (month - 2 - 12 * a)) // 12
        - (3 * ((year + 4900 + a) // 100)) // 4
        + day
        - 32075
    )


def days_in(text: str) -> list[int]:
    return [julian(int(y), MONTHS.index(m) + 1, int(d)) for m, d, y in WRITTEN.findall(text)]


def passage_of(prompt: str, cited: str) -> str:
    """The one line of the cited document that has the cited number."""
    name = next(n for n in sorted(HEADINGS, key=len, reverse=True) if cited.startswith(n))
    [block] = [b for b in prompt.split("\n\n") if b.startswith(HEADINGS[name])]
    number = cited.split()[-1]
    starts = (f"Rule {number} ", f"{number}. ", f"Section {number} ")
    [line] = [line for line in block.splitlines() if line.startswith(starts)]
    return line


def counted_from_prompt(prompt: str, cited: str) -> int:
    """Count with nothing but the prompt: one day at a time, over day numbers."""
    passage = passage_of(prompt, cited)
    listed = set(days_in(next(line for line in prompt.splitlines() if "The listed days are" in line)))
    question = prompt.split("\n\n")[-2]
    [day] = days_in(question)
    [period] = re.findall(r"(\d+) days (?:after|before)", passage)
    step = -1 if "before the hearing" in passage or "before the term" in passage else 1
    for more in (int(period), *((3,) if " by mail " in question else ())):
        day += step * more
        while day % 7 >= 5 or day in listed:
            day += step
    return day


@pytest.mark.parametrize("name", FULL)
def test_every_day_follows_from_the_prompt_by_another_count(name: str) -> None:
    for row in rows(name):
        due = date.fromisoformat(row["answer"]["due"])
        found = counted_from_prompt(prompt_of(row), row["answer"]["authority"])
        assert found == julian(due.year, due.month, due.day), row["facts"]


@pytest.mark.parametrize(
    ("event", "days", "mailed", "due"),
    [
        (date(2025, 6, 13), 21, False, date(2025, 7, 7)),
        (date(2025, 12, 4), 21, False, date(2025, 12, 26)),
        (date(2025, 5, 5), 14, True, date(2025, 5, 22)),
        # Saturday moves to Monday before three days are added: Thursday, not Tuesday.
        (date(2025, 5, 3), 14, True, date(2025, 5, 22)),
        # The end after three days is Memorial Day.
        (date(2025, 5, 9), 14, True, date(2025, 5, 27)),
    ],
)
def test_known_deadlines(event: date, days: int, mailed: bool, due: date) -> None:
    closed = frozenset(COUNT["holidays_of"](2025))
    assert COUNT["due_date"](COUNT["Period"](event, days, False, mailed), closed) == due


def test_a_count_back_from_a_hearing_moves_to_the_day_before() -> None:
    closed = frozenset(COUNT["holidays_of"](2025))
    # Fourteen days before July 18 is Independence Day, a Friday.
    assert COUNT["due_date"](COUNT["Period"](date(2025, 7, 18), 14, True), closed) == date(2025, 7, 3)


@pytest.mark.parametrize("name", FULL)
def test_no_day_stands_in_its_prompt(name: str) -> None:
    for row in rows(name):
        due = date.fromisoformat(row["answer"]["due"])
        number = julian(due.year, due.month, due.day)
        assert number not in days_in(prompt_of(row))
        assert str(due) not in prompt_of(row)


@pytest.mark.parametrize("name", FULL)
def test_the_authority_that_gives_way_leads_to_another_day(name: str) -> None:
    contests = [row for row in rows(name) if row["facts"]["rejected_days"]]
    assert len(contests) >= 5
    for row in contests:
        facts, due = row["facts"], date.fromisoformat(row["answer"]["due"])
        assert f"within {facts['rejected_days']} days" in prompt_of(row)
        other = date.fromisoformat(facts["event"]) + timedelta(facts["rejected_days"])
        assert due != other


def test_the_latest_and_the_highest_order_do_not_always_control() -> None:
    changed = [row for row in rows("train") if row["facts"]["twist"] in ("later", "higher")]
    names = ("Amended", "Amendment", "Court of Appeals")
    wins = sum(row["answer"]["authority"].startswith(names) for row in changed)
    assert 0.25 < wins / len(changed) < 0.75


def test_no_party_and_no_day_stands_in_two_splits() -> None:
    parties = [{p for row in rows(name) for p in row["facts"]["parties"]} for name in FULL]
    days = [{d for row in rows(name) for d in (row["facts"]["event"], row["answer"]["due"])} for name in FULL]
    assert sum(map(len, parties)) == len(set().union(*parties))
    assert sum(map(len, days)) == len(set().union(*days))


def test_no_pinpoint_of_the_easier_task_stands_in_two_splits() -> None:
    places = [{p for row in rows(name) for p in row["facts"]["places"]} for name in LOCAL]
    assert sum(map(len, places)) == len(set().union(*places))


@pytest.mark.parametrize("name", [*FULL, *LOCAL])
def test_every_tier_is_a_quarter_of_its_split(name: str) -> None:
    tiers = [row["tier"] for row in rows(name)]
    assert [tiers.count(tier) for tier in (1, 2, 3, 4)] == [len(tiers) // 4] * 4


@pytest.mark.parametrize("name", LOCAL)
def test_the_easier_answers_follow_from_the_last_turn(name: str) -> None:
    place = r"(?:Rule|Order, para\.|Lease, sec\.) [\w.()]+"
    for row in rows(name):
        prompt, _, paper = prompt_of(row).removesuffix(" due?").partition(" When is the ")
        [found] = re.findall(rf"({place}): the {paper} is due within (\d+) days\.", prompt)
        added = 3 if "Served by mail." in prompt else 0
        assert row["answer"] == {"days": int(found[1]), "added": added, "authority": found[0]}


@pytest.mark.parametrize("name", LOCAL)
def test_the_easier_task_favours_no_position_and_no_service(name: str) -> None:
    asked = [row["facts"]["asked"] for row in rows(name) if row["tier"] == 4]
    mailed = [row["answer"]["added"] == 3 for row in rows(name)]
    assert 0.35 < sum(asked) / len(asked) < 0.65
    assert 0.42 < sum(mailed) / len(mailed) < 0.58


@pytest.mark.parametrize(
    ("change", "reward"),
    [
        ({}, 1.0),
        ({"authority": "local rule 7.2 (b)"}, 1.0),
        ({"authority": "L.R. 7.2(b)"}, 1.0),
        ({"authority": "Local Rule 7.2(a)"}, 0.6 + 0.4 / 3),
        ({"authority": "Local Rule 7.2"}, 0.6 + 0.4 / 3),
        ({"authority": "Rule 7.2(b)"}, 0.6),
        ({"authority": "Scheduling Order, para. 7"}, 0.6),
        ({"due": "2025-07-04"}, 0.6),
        ({"due": "2025-07-04", "authority": "Scheduling Order, para. 7"}, 0.2),
        ({"due": "2025-07-08"}, 0.4),
        ({"due": "2025-07-08", "authority": "Scheduling Order, para. 7"}, 0.0),
    ],
)
def test_day_and_pinpoint_earn_their_own_weight(change: dict[str, str], reward: float) -> None:
    assert grade(FULL_ITEM["answer"] | change) == pytest.approx(reward)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("change", "reward"),
    [
        ({}, 1.0),
        ({"days": 21}, 0.6),
        ({"added": 0}, 0.8),
        ({"authority": "Rule 12(a)"}, 0.6 + 0.4 / 3),
        ({"days": 21, "added": 0, "authority": "Order, para. 7"}, 0.0),
        ({"days": 14.0}, 0.0),
        ({"days": "14"}, 0.0),
        ({"added": True}, 0.0),
        ({"authority": "R"}, 0.0),
        ({"authority": "Rule 56(c), Order, para. 7"}, 0.0),
    ],
)
def test_the_easier_fields_earn_their_own_weight(change: dict[str, Any], reward: float) -> None:
    assert grade(LOCAL_ITEM["answer"] | change, LOCAL_ITEM) == pytest.approx(reward)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "[]",
        "July 7, 2025, Local Rule 7.2(b)",
        '{"due": "2025-07-07", "authority": "Local Rule 7.2(b)"} is my answer',
        '{"due": "2025-07-04", "due": "2025-07-07", "authority": "Local Rule 7.2(b)"}',
        {"due": "2025-07-07 or 2025-07-04", "authority": "Local Rule 7.2(b)"},
        {"due": ["2025-07-07"], "authority": "Local Rule 7.2(b)"},
        {"due": "July 7, 2025", "authority": "Local Rule 7.2(b)"},
        {"due": "2025-07-07", "authority": "Local Rule 7.2(b) or 7.2(a)"},
        {"due": "2025-07-07", "authority": "Local Rules 7.2(a) to (c)"},
        {"due": "2025-07-07", "authority": "Local Rule 7.2(b), which controls"},
        {"due": "2025-07-07", "authority": "the local rules"},
        {"due": "2025-07-07", "authority": None},
        {"due": "2025-07-07", "authority": "Local Rule 7.2(b)", "note": 1},
    ],
)
def test_what_is_not_one_day_and_one_pinpoint_earns_nothing(answer: Any) -> None:
    assert grade(answer) == 0.0


def test_the_lambda_function_carries_the_grader_as_it_is() -> None:
    from rftctl.commands.draft import lambda_source

    source = (SAMPLE / "grader.py").read_text("utf-8")
    written = (SAMPLE / "lambda_function.py").read_text("utf-8")
    assert lambda_source({"type": "python", "source": source}) == written
