"""The citations sample: its truth by another route, its grader's partial credit, the exploits it refuses."""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "citations"
FULL = ("train", "validation", "test")
LOCAL = tuple(f"local-{split}" for split in FULL)
PARTS = ("volume", "reporter", "page", "year", "court")
GRADE = runpy.run_path(str(SAMPLE / "grader.py"))["grade"]
PLAIN = {"citations": ["777 F.2d 685", "21 Cal. 3d 219"]}
KEYS = {
    "citations": [
        dict(zip(PARTS, ("777", "F.2d", "685", "1985", "5th Cir."), strict=True)),
        dict(zip(PARTS, ("21", "Cal. 3d", "219", "1978", "Cal."), strict=True)),
    ]
}


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLE / f"{name}.jsonl").read_text("utf-8").splitlines()]


def grade(answer: Any, item: dict[str, Any]) -> float:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    reward: float = GRADE({"output_text": text}, item)
    return reward


def passage_of(row: dict[str, Any]) -> str:
    return " ".join(row["messages"][-1]["content"].split("\n\n", 1)[-1].split())


def keys_of(row: dict[str, Any]) -> set[tuple[str, str, str]]:
    if row["citations"] and isinstance(row["citations"][0], str):
        found = (re.fullmatch(r"(\d+) (.+) (\d+)", one) for one in row["citations"])
        return {(m[1], m[2], m[3]) for m in found if m}
    return {(one["volume"], one["reporter"], one["page"]) for one in row["citations"]}


@pytest.fixture(scope="module")
def tables() -> dict[str, Any]:
    # A dataclass looks its own module up by name.
    sys.modules["citation_series"] = type(sys)("citation_series")
    return runpy.run_path(str(SAMPLE / "series.py"), run_name="citation_series")


@pytest.fixture(scope="module")
def spellings(tables: dict[str, Any]) -> dict[str, str]:
    """Return every spelling of every series, and the series."""
    variants = {spelling: name for name, all_of in tables["VARIANTS"].items() for spelling in all_of}
    return {name: name for name in tables["SERIES"]} | variants


@pytest.mark.parametrize("name", [*FULL, *LOCAL])
def test_a_search_for_all_spellings_finds_the_same_citations(name: str, spellings: dict[str, str]) -> None:
    longest_first = "|".join(re.escape(one) for one in sorted(spellings, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w.])(\d{{1,3}}) ({longest_first}) (\d{{1,4}})\b")
    for row in rows(name):
        found = {(m[1], spellings[m[2]], m[3]) for m in pattern.finditer(passage_of(row))}
        assert found == keys_of(row)


@pytest.mark.parametrize("name", FULL)
def test_year_and_court_are_those_of_the_next_parentheses(name: str) -> None:
    for row in rows(name):
        text = passage_of(row)
        for one in row["citations"]:
            ends = re.finditer(
                rf"\b{one['volume']} [^()]{{1,14}}? {one['page']}\b[^()]*\(([^()]*?)(\d{{4}})\)", text
            )
            courts = {(m[1].strip(), m[2]) for m in ends}
            assert courts <= {(one["court"], one["year"]), ("", one["year"])}
            assert courts


@pytest.mark.parametrize("names", [FULL, LOCAL])
def test_no_volume_of_a_reporter_stands_in_two_splits(names: tuple[str, ...]) -> None:
    volumes = [{key[:2] for row in rows(name) for key in keys_of(row)} for name in names]
    assert sum(map(len, volumes)) == len(set().union(*volumes))


def test_no_party_stands_in_two_splits(tables: dict[str, Any]) -> None:
    parties = {split: set(names) for split, names in tables["PARTIES"].items()}
    assert sum(map(len, parties.values())) == len(set().union(*parties.values()))
    for split, names in parties.items():
        others = [name for other, more in parties.items() if other != split for name in more]
        text = " ".join(passage_of(row) for row in [*rows(split), *rows(f"local-{split}")])
        assert not [name for name in others if f"{name} v. " in text]
        assert len([name for name in names if f"{name} v. " in text]) > 10


@pytest.mark.parametrize("name", [*FULL, *LOCAL])
def test_every_tier_occurs_in_every_split(name: str) -> None:
    tiers = [row["tier"] for row in rows(name)]
    assert all(tiers.count(tier) >= 0.1 * len(tiers) for tier in (1, 2, 3, 4))


@pytest.mark.parametrize("name", FULL)
def test_passages_without_a_case_are_few_and_say_so(name: str) -> None:
    empty = [row for row in rows(name) if not row["citations"]]
    assert 0 < len(empty) < 0.1 * len(rows(name))
    assert all((row["cites"] == "no case") == (not row["citations"]) for row in rows(name))


def test_no_worked_example_is_an_answer() -> None:
    examples = {turn["content"] for row in rows("local-train") for turn in row["messages"][1:-1:2]}
    shown = {one for text in examples for one in json.loads(text)["citations"]}
    assert len(examples) == 2
    assert not any(shown & set(row["citations"]) for name in LOCAL for row in rows(name))


@pytest.mark.parametrize(
    ("given", "reward"),
    [
        (["777 F.2d 685", "21 Cal. 3d 219"], 1.0),
        (["21 Cal.3d 219", "777 F. 2d 685"], 1.0),
        (["777 F.2d 685"], 2 / 3),
        (["777 F.2d 685", "21 P.2d 219"], 0.75),
        (["777 F.2d 685", "21 Cal. 3d 224"], 0.65),
        (["777 F.2d 685", "21 Cal. 2d 224"], 0.25),
        (["777 F.2d 685", "777 F.2d 685"], 0.25),
        (["777 F.2d 685", "21 Cal. 3d 219", "1 U.S. 1"], 0.4),
        (["777 F.2d 685", "21 Cal. 3d 219", "1 U.S. 1", "2 U.S. 2"], 1 / 6),
        (["777 F.2d 685", "21 Cal. 3d 219", "1 U.S. 1", "2 U.S. 2", "3 U.S. 3"], 0.0),
        (["Doe v. Roe, 777 F.2d 685"], 0.0),
        ([], 0.0),
    ],
)
def test_what_is_left_out_costs_less_than_what_is_invented(given: list[str], reward: float) -> None:
    assert grade({"citations": given}, PLAIN) == pytest.approx(reward)


@pytest.mark.parametrize(
    ("change", "reward"),
    [
        ({}, 1.0),
        ({"volume": 777, "page": 685, "year": 1985}, 1.0),
        ({"reporter": "F. 2d", "court": "5TH CIR"}, 1.0),
        ({"year": "1978"}, 0.925),
        ({"court": ""}, 0.925),
        ({"year": "1978", "court": "Cal."}, 0.85),
        ({"reporter": "F.3d"}, 0.675),
        ({"page": "687"}, 0.605),
        ({"volume": "77", "page": "687"}, 0.25),
    ],
)
def test_year_and_court_count_only_beside_the_right_key(change: dict[str, Any], reward: float) -> None:
    first, second = KEYS["citations"]
    assert grade({"citations": [first | change, second]}, KEYS) == pytest.approx(reward)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "777 F.2d 685; 21 Cal. 3d 219",
        json.dumps(PLAIN["citations"]),
        f"Here they are: {json.dumps(PLAIN)}",
        f"```json\n{json.dumps(PLAIN)}\n```",
        '{"citations": [], "citations": ["777 F.2d 685", "21 Cal. 3d 219"]}',
        PLAIN | {"note": "all of them"},
        {"citations": "777 F.2d 685, 21 Cal. 3d 219"},
        {"citations": [["777 F.2d 685", "21 Cal. 3d 219"]]},
        {"citations": ["777 F.2d 685 or 21 Cal. 3d 219"]},
        {"citations": ["７７７ F.2d 685", "２１ Cal. 3d 219"]},
        KEYS,
    ],
)
def test_what_is_not_a_list_of_plain_citations_earns_nothing(answer: Any) -> None:
    assert grade(answer, PLAIN) == 0.0


@pytest.mark.parametrize("part", [True, None, 1.5, ["777"], {"is": "777"}])
def test_a_part_that_is_neither_text_nor_a_whole_number_earns_nothing(part: Any) -> None:
    first, second = KEYS["citations"]
    assert grade({"citations": [{**first, "volume": part}, second]}, KEYS) == 0.0


def test_an_empty_list_is_right_only_where_the_row_says_so() -> None:
    empty: dict[str, list[str]] = {"citations": []}
    assert grade(empty, {"citations": [], "cites": "no case"}) == 1.0
    assert grade(empty, {"citations": [], "cites": ""}) == 0.0
    assert grade(KEYS, {"citations": [], "cites": "no case"}) == 0.0


def test_the_lambda_function_carries_the_grader_as_it_is() -> None:
    from rftctl.commands.draft import lambda_source

    source = (SAMPLE / "grader.py").read_text("utf-8")
    written = (SAMPLE / "lambda_function.py").read_text("utf-8")
    assert lambda_source({"type": "python", "source": source}) == written
