"""The icd10 sample: codes read back from its notes, its grader's partial credit, the exploits it refuses."""

from __future__ import annotations

import itertools
import json
import re
import runpy
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from rftctl.graders import build_grader
from rftctl.graders.cases import read_cases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rftctl.graders import Grader

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "samples" / "icd10"
FULL = ("train", "validation", "test")
LOCAL = tuple(f"local-{split}" for split in FULL)
FAMILIES = tomllib.loads((SAMPLE / "notes.toml").read_text("utf-8"))["family"]
GRADE = runpy.run_path(str(SAMPLE / "grader.py"))["grade"]
ITEM = {
    "codes": ["E11.3392", "Z79.85"],
    "excluded": ["E10", "E11.9"],
    "ordered": True,
    "billable": r"E11\.(9|33(1|9)[1239])|Z79\.(4|8[45])",
}


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLE / f"{name}.jsonl").read_text("utf-8").splitlines()]


def text_of(row: dict[str, Any]) -> str:
    return str(row["messages"][-1]["content"])


def grade(answer: Any, item: dict[str, Any] | None = None) -> float:
    text = answer if isinstance(answer, str) else json.dumps({"codes": answer})
    reward: float = GRADE({"output_text": text}, item or ITEM)
    return reward


def readings_of(note: str) -> list[list[str]]:
    """Read every hand-written note backwards: from the text to the phrases, from these to the codes."""
    found = []
    for family in FAMILIES:
        slots = family.get("slots", {})
        pattern, seen = "", set()
        for part in re.split(r"(\{\w+\})", family["note"]):
            name = part[1:-1]
            if not re.fullmatch(r"\{\w+\}", part):
                pattern += re.escape(part)
            elif name == "age":
                pattern += r"\d+"
            else:
                assert name not in seen
                seen.add(name)
                pattern += f"(?P<{name}>{'|'.join(map(re.escape, slots[name]))})"
        match = re.fullmatch(pattern, note)
        if match:
            parts = {name: slots[name][phrase] for name, phrase in match.groupdict().items()}
            found.append(family["codes"].format(**parts).split())
    return found


def code_beside(prompt: str) -> str:
    """Find the line of the slice that the note asks for, by words and not by position."""
    *lines, note = prompt.splitlines()
    asked = re.findall(r"\w+", note.lower())
    titles = [line.rpartition(": ") for line in lines]
    fitting = [code for title, _, code in titles if set(re.findall(r"\w+", title.lower())) <= set(asked)]
    exact = [code for title, _, code in titles if note.startswith(f"Note: {title}.")]
    [code] = exact or fitting
    return code


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    spec = yaml.safe_load((ROOT / "configs" / "icd10.yaml").read_text("utf-8"))
    source = (SAMPLE / "grader.py").read_text("utf-8")
    built = build_grader({"type": "python", "name": spec["grader"]["name"], "source": source})
    yield built
    built.close()


@pytest.mark.parametrize("name", FULL)
def test_every_hand_written_note_leads_back_to_its_codes_and_to_no_others(name: str) -> None:
    told = [row for row in rows(name) if row["tier"] >= 3]
    assert len(told) >= 60
    for row in told:
        note = text_of(row).partition("\n\n")[0]
        assert readings_of(note) == [row["codes"]], note


@pytest.mark.parametrize("name", LOCAL)
def test_every_code_of_the_easier_task_stands_beside_what_its_note_says(name: str) -> None:
    for row in rows(name):
        assert [code_beside(text_of(row))] == row["codes"], text_of(row)


@pytest.mark.parametrize("name", FULL)
def test_no_code_and_no_category_stands_in_the_prompt_of_the_full_task(name: str) -> None:
    for row in rows(name):
        text = text_of(row)
        assert not any(re.search(rf"\b{re.escape(code)}\b", text) for code in row["codes"])
        assert re.findall(r"\b[A-Z]\d[0-9A-Z]\.[0-9A-Z]+", text) == []


@pytest.mark.parametrize("names", [FULL, LOCAL])
def test_no_category_of_an_answer_stands_in_two_splits(names: tuple[str, ...]) -> None:
    categories = [{code[:3] for row in rows(name) for code in row["codes"]} for name in names]
    assert sum(map(len, categories)) == len(set().union(*categories))


@pytest.mark.parametrize("name", [*FULL, *LOCAL])
def test_every_tier_is_a_quarter_of_every_split(name: str) -> None:
    tiers = [row["tier"] for row in rows(name)]
    assert {tier: tiers.count(tier) for tier in (1, 2, 3, 4)} == dict.fromkeys((1, 2, 3, 4), len(tiers) // 4)


@pytest.mark.parametrize("name", [*FULL, *LOCAL])
def test_every_right_code_is_billable_and_not_excluded(name: str) -> None:
    for row in rows(name):
        assert all(re.fullmatch(row["billable"], code) for code in row["codes"])
        assert not any(code.startswith(stem) for code in row["codes"] for stem in row.get("excluded", ()))


@pytest.mark.parametrize("name", [*FULL, *LOCAL])
def test_right_codes_earn_everything(name: str) -> None:
    assert {grade(row["codes"], row) for row in rows(name)} == {1.0}


@pytest.mark.parametrize(("cases", "train"), [("outputs", "train"), ("local-outputs", "local-train")])
def test_every_output_gets_the_reward_it_is_listed_with(grader: Grader, cases: str, train: str) -> None:
    listed = list(read_cases(SAMPLE / f"{cases}.jsonl", rows=SAMPLE / f"{train}.jsonl"))
    grades = grader.grade_batch([(case.sample, case.item) for case in listed])
    missed = [c.line for c, earned in zip(listed, grades, strict=True) if c.expect.holds(earned) is not True]
    assert (missed, len(listed) >= 40) == ([], True)


@pytest.mark.parametrize(
    ("answer", "reward"),
    [
        (["E11.3392", "Z79.85"], 1.0),
        (["e113392", "Z7985"], 1.0),
        (["Z79.85", "E11.3392"], 0.9),
        (["E11.3392"], 2 / 3),
        (["E11.3391", "Z79.85"], (0.625 + 1) / 2),
        (["E11.339", "Z79.85"], (0.625 / 2 + 1) / 2),
        (["E11.3392", "Z79.4"], (1 + 0.25) / 2),
        (["E11.3392", "Z79.85", "H35.81"], 0.8 - 0.5),
        (["E11.3392", "Z79.85", "E10.9"], 0.8 - 0.75),
        (["E11.9", "Z79.85"], 0.0),
        (["E11.9", "I10"], 0.0),
    ],
)
def test_partial_credit_follows_the_hierarchy(answer: list[str], reward: float) -> None:
    assert grade(answer) == pytest.approx(reward)


@pytest.mark.parametrize("name", FULL)
def test_no_list_of_guesses_earns_more_than_the_right_codes_do_with_one_missing(name: str) -> None:
    every = list(itertools.chain.from_iterable(row["codes"] for row in rows(name)[:40]))
    for row in rows(name)[:40]:
        others = [code for code in every if code[:3] not in {own[:3] for own in row["codes"]}]
        n = len(row["codes"])
        assert all(grade([*row["codes"], *others[:extra]], row) <= 0.4 for extra in (1, 2, 3, n, 30))


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "E11.3392, Z79.85",
        '["E11.3392", "Z79.85"]',
        '{"codes": "E11.3392 Z79.85"}',
        '{"codes": ["E11.3392", "Z79.85"]} as the note says',
        '{"codes": ["E11.9"], "codes": ["E11.3392", "Z79.85"]}',
        '{"codes": ["E11.3392", "Z79.85"], "confidence": 1}',
        '{"codes": [["E11.3392", "Z79.85"]]}',
        ["E11.3392 or E11.3391", "not Z79.85"],
        ["Е11.3392", "Z79.8５"],
        ["E11.*", "Z79.*"],
        ["E11.3392", "E11.3391", "E11.3393", "Z79.85", "Z79.4"],
        ["E11.3392", "E11.3392", "Z79.85", "Z79.85"],
    ],
)
def test_what_is_not_a_plain_list_of_codes_earns_nothing(answer: Any) -> None:
    assert grade(answer) == 0.0


def test_the_lambda_function_carries_the_grader_as_it_is() -> None:
    from rftctl.commands.draft import lambda_source

    source = (SAMPLE / "grader.py").read_text("utf-8")
    assert lambda_source({"type": "python", "source": source}) == (SAMPLE / "lambda_function.py").read_text()
