"""The research sample: its answers by another route, its replayed searches, its grader, what it refuses."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "research"
FULL = ("train", "validation", "test")
LOCAL = tuple(f"local-{split}" for split in FULL)
GRADE = runpy.run_path(str(SAMPLE / "grader.py"))["grade"]
SEARCH = runpy.run_path(str(SAMPLE / "search.py"))
NEIGHBOUR = re.compile(r"series that (followed|came before) the series cited as")
OPEN_ROW = {
    "want": {
        "move": "calls",
        "calls": [{"name": "open", "id": "d1"}, {"name": "open", "id": "d2"}],
        "most": 3,
        "done": [],
    }
}
TERMS = [{"words": ["county", "court", "york"], "key": "york"}]
SEARCH_ROW = {
    "want": {
        "move": "calls",
        "calls": [{"name": "search", "kind": "court", "terms": TERMS}],
        "most": 3,
        "done": [{"name": "search", "query": "York Court", "kind": "court"}],
    }
}
ANSWER_ROW = {
    "want": {"move": "answer", "form": "year", "opened": ["d1", "d2", "d3"]},
    "answer": "1834",
    "cites": ["d1", "d2"],
}


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLE / f"{name}.jsonl").read_text("utf-8").splitlines()]


RECORDS = {record["id"]: record for record in rows("corpus")}
ARCHIVE = SEARCH["Archive"](RECORDS.values())


def wire(name: str, arguments: Any) -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": "c", "type": "function", "function": {"name": name, "arguments": text}}


def grade(row: dict[str, Any], *calls: dict[str, Any], text: str = "") -> float:
    reward: float = GRADE({"output_text": text, "output_tools": list(calls)}, row)
    return reward


def opened(*keys: str) -> list[dict[str, Any]]:
    return [wire("open", {"id": key}) for key in keys]


def searched(query: str, kind: str = "court") -> dict[str, Any]:
    return wire("search", {"query": query, "kind": kind})


def stated(answer: Any, *cites: Any, **more: Any) -> str:
    return json.dumps({"answer": answer, "cites": list(cites), **more})


def fact(key: str, label: str) -> str:
    """Read a fact off a record's text, as a person would."""
    found = re.search(
        rf"{label}: (.+?)\.? ?(?=First year|Last year|Preceded by|Followed by|$)", RECORDS[key]["text"]
    )
    assert found, (key, label)
    return found[1]


def answer_from_texts(question: str, keys: list[str]) -> str:
    if question.startswith("How many years"):
        one, two = (int(fact(key, "First year")) for key in keys)
        return str(abs(one - two))
    if NEIGHBOUR.search(question):
        label = "Followed by" if "followed" in question else "Preceded by"
        cite = fact(keys[0], label)
        assert RECORDS[keys[1]]["title"].endswith((f"({cite})", f"({cite}.)"))
        return fact(keys[1], "Last year" if question.endswith("end?") else "First year")
    label = {"In which": "First year", "Which se": "Preceded by", "How is t": "Cited as"}[question[:8]]
    label = "Followed by" if question.startswith("Which series followed") else label
    return fact(keys[0], "Last year" if question.endswith("end?") else label)


def calls_of(row: dict[str, Any]) -> list[tuple[str, dict[str, str], str]]:
    """Every earlier call: tool, arguments, what the row says it returned."""
    results = {m["tool_call_id"]: m["content"] for m in row["messages"] if m["role"] == "tool"}
    made = [call for m in row["messages"] for call in m.get("tool_calls", ())]
    return [
        (call["function"]["name"], json.loads(call["function"]["arguments"]), results[call["id"]])
        for call in made
    ]


@pytest.mark.parametrize("name", FULL)
def test_every_answer_can_be_read_off_the_records_that_it_cites(name: str) -> None:
    for row in (row for row in rows(name) if row["want"]["move"] == "answer"):
        given, told = row["answer"], answer_from_texts(row["messages"][1]["content"], row["cites"])
        assert given.rstrip(".") == told.rstrip("."), row["messages"][1]


@pytest.mark.parametrize("name", FULL)
def test_every_earlier_result_is_what_the_tools_return(name: str) -> None:
    for row in rows(name):
        for tool, arguments, result in calls_of(row):
            assert getattr(ARCHIVE, tool)(*arguments.values()) == result


@pytest.mark.parametrize("name", FULL)
def test_wanted_searches_find_the_record_and_wanted_ids_are_listed(name: str) -> None:
    for row in rows(name):
        listed = " ".join(result for tool, _, result in calls_of(row) if tool == "search")
        for call in row["calls"]:
            arguments = call["arguments"]
            if call["name"] == "open":
                assert f"{arguments['id']} | " in listed
            elif row["tier"] == 4:
                found = ARCHIVE.search(**arguments)
                assert any(f"{key} | " in found for key in row["records"])


@pytest.mark.parametrize("name", FULL)
def test_an_answer_stands_in_no_prompt_before_its_record_is_open(name: str) -> None:
    for row in rows(name):
        texts = [result for tool, _, result in calls_of(row) if tool == "open"]
        asked = row["messages"][1]["content"]
        if row["want"]["move"] == "answer":
            assert not {row["answer"], f'"{row["answer"]}"'} & set(re.findall(r'"[^"]*"|\d+', asked))
            assert set(row["cites"]) <= set(row["want"]["opened"])
            assert len(texts) == len(row["want"]["opened"])
        else:
            assert not set(row["records"]) <= {key for key in RECORDS if RECORDS[key]["text"] in texts}


@pytest.mark.parametrize("names", [FULL, LOCAL])
def test_no_record_is_asked_for_in_two_splits(names: tuple[str, ...]) -> None:
    asked = [{key for row in rows(name) for key in row["records"]} for name in names]
    assert sum(map(len, asked)) == len(set().union(*asked))


def test_both_tasks_split_the_records_alike() -> None:
    for split in FULL:
        others = {k for other in FULL if other != split for row in rows(other) for k in row["records"]}
        assert not others & {key for row in rows(f"local-{split}") for key in row["records"]}


@pytest.mark.parametrize("name", [*FULL, *LOCAL])
def test_every_tier_occurs_in_every_split(name: str) -> None:
    tiers = [row["tier"] for row in rows(name)]
    assert all(tiers.count(tier) == len(tiers) / 4 for tier in (1, 2, 3, 4))


@pytest.mark.parametrize("name", [*FULL, *LOCAL])
def test_the_right_move_earns_everything(name: str) -> None:
    for row in rows(name):
        calls = [wire(call["name"], call["arguments"]) for call in row["calls"]]
        text = "" if calls else stated(row["answer"], *row["cites"])
        assert grade(row, *calls, text=text) == pytest.approx(1.0)


@pytest.mark.parametrize("name", FULL)
def test_opening_or_citing_everything_is_never_the_best_move(name: str) -> None:
    for row in rows(name):
        listed = sorted({k for _, _, result in calls_of(row) for k in re.findall(r"d\d{3}(?= \|)", result)})
        if row["want"]["move"] == "answer":
            extra = [key for key in listed if key not in row["want"]["opened"]]
            assert not extra or grade(row, text=stated(row["answer"], *listed)) == pytest.approx(0.7)
        elif listed and row["calls"][0]["name"] == "open":
            assert len(listed) < 4 or grade(row, *opened(*listed)) == 0.0


@pytest.mark.parametrize(
    ("keys", "reward"),
    [
        (["d1", "d2"], 1.0),
        (["d2", "d1"], 1.0),
        (["d1"], 0.8 * 2 / 3),
        (["d1", "d9"], 0.4),
        (["d1", "d1"], 0.4),
        (["d1", "d2", "d9"], 0.8 * 4 / 5 * 2 / 3),
        (["d8", "d9"], 0.0),
        (["d1", "d2", "d8", "d9"], 0.0),
    ],
)
def test_opens_earn_by_f1_and_lose_by_guessing(keys: list[str], reward: float) -> None:
    assert grade(OPEN_ROW, *opened(*keys)) == pytest.approx(reward)


@pytest.mark.parametrize(
    ("query", "kind", "reward"),
    [
        ("York County Court", "court", 1.0),
        ("the court of york county", "court", 1.0),
        ("York County Court 1834", "court", 0.8 * 6 / 7 + 0.2),
        ("York County Court", "series", 0.4),
        ("County Court", "court", 0.8 * 0.4),
        ("York Court", "court", 0.0),
        ("court york", "court", 0.0),
        ("York Court", "series", 0.8 * 0.4),
        ("", "court", 0.0),
    ],
)
def test_a_search_earns_by_its_words_and_kind_and_not_again(query: str, kind: str, reward: float) -> None:
    assert grade(SEARCH_ROW, searched(query, kind)) == pytest.approx(reward)


@pytest.mark.parametrize(
    ("text", "reward"),
    [
        (stated("1834", "d1", "d2"), 1.0),
        (stated("1834", "d2"), 0.9),
        (stated("1834", "d1", "d2", "d3"), 0.7 + 0.3 * 4 / 5),
        (stated("1834"), 0.7),
        (stated("1834", "d1", "d2", "d7"), 0.7),
        (stated("1835", "d1", "d2"), 0.15),
        (stated("1834 or 1835", "d1", "d2"), 0.15),
        (stated("1835", "d1", "d2", "d7"), 0.0),
        (stated(1834, "d1", "d2"), 0.0),
        (stated("1834", "d1", "d2", note="sure"), 0.0),
        (stated("1834", "d1", "d2") + " is my answer", 0.0),
        ('{"answer": "1835", "answer": "1834", "cites": ["d1", "d2"]}', 0.0),
        ("1834", 0.0),
    ],
)
def test_an_answer_earns_by_itself_its_evidence_and_stopping(text: str, reward: float) -> None:
    assert grade(ANSWER_ROW, text=text) == pytest.approx(reward)


def test_an_answer_without_research_and_a_call_beside_an_answer_earn_nothing() -> None:
    answer = stated("1834", "d1", "d2")
    assert grade(OPEN_ROW, text=answer) == 0.0
    assert grade(OPEN_ROW, *opened("d1", "d2"), text=answer) == 0.0
    assert grade(ANSWER_ROW, *opened("d1"), text=answer) == 0.0
    assert grade(ANSWER_ROW, *opened("d3")) == 0.0


@pytest.mark.parametrize(
    "call",
    [
        wire("find", {"query": "York County Court", "kind": "court"}),
        wire("search", {"query": "York County Court"}),
        wire("search", {"query": "York County Court", "kind": "court", "limit": 9}),
        wire("search", {"query": ["York County Court"], "kind": "court"}),
        wire("search", '{"query": "x", "query": "York County Court", "kind": "court"}'),
        wire("search", "York County Court"),
        {"type": "function"},
    ],
)
def test_what_is_not_a_call_of_the_tools_earns_nothing(call: dict[str, Any]) -> None:
    assert grade(SEARCH_ROW, call) == 0.0


def test_the_lambda_function_carries_the_grader_as_it_is() -> None:
    from rftctl.commands.draft import lambda_source

    source = (SAMPLE / "grader.py").read_text("utf-8")
    written = (SAMPLE / "lambda_function.py").read_text("utf-8")
    assert lambda_source({"type": "python", "source": source}) == written
