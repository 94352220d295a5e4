"""The quickstart sample: its rows, its grader and its graded outputs."""

from __future__ import annotations

import hashlib
import json
import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from rftctl.dataset import Sample, parse_output, read_examples
from rftctl.graders import build_grader
from rftctl.graders.base import Grade
from rftctl.graders.cases import read_cases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rftctl.graders import Grader

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "samples" / "quickstart"
SPLITS = ("train", "validation", "test")
FILES = (*SPLITS, "validation-quick")
PARTS = ("volume", "reporter", "page")


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLE / f"{name}.jsonl").read_text("utf-8").splitlines()]


def load(name: str) -> dict[str, Any]:
    return runpy.run_path(str(SAMPLE / f"{name}.py"))


def text_of(row: dict[str, Any]) -> str:
    return str(row["messages"][-1]["content"])


def expected_reward(text: str, item: dict[str, Any]) -> float | None:
    """Work the reward out anew, by fractions of a hundred; None for an answer that cannot be read."""
    try:
        answer = json.loads(text)
        given = [
            answer[part] if isinstance(answer[part], str) else json.dumps(answer[part]) for part in PARTS
        ]
    except (ValueError, TypeError, KeyError):
        return None
    volume, reporter, page = (mine == item["citation"][part] for mine, part in zip(given, PARTS, strict=True))
    near = shared_words(given[1].lower(), item["citation"]["reporter"].lower())
    points = 15 * volume + 15 * page + 20 * near + (50 if volume and reporter and page else 0)
    return float(points / 100)


def shared_words(text: str, reference: str) -> float:
    ours, theirs = (
        "".join(c if c.isascii() and c.isalnum() else " " for c in t).split() for t in (text, reference)
    )
    left, n_shared = list(theirs), 0
    for word in ours:
        if word in left:
            left.remove(word)
            n_shared += 1
    return 2 * n_shared / max(1, len(ours) + len(theirs))


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    spec = yaml.safe_load((ROOT / "configs" / "quickstart.yaml").read_text("utf-8"))
    built = build_grader(spec["grader"])
    yield built
    built.close()


def test_the_manifest_names_every_file_as_it_is() -> None:
    manifest = json.loads((SAMPLE / "manifest.json").read_text("utf-8"))
    hashes = {f"{n}.jsonl": hashlib.sha256((SAMPLE / f"{n}.jsonl").read_bytes()).hexdigest() for n in FILES}
    assert manifest["sha256"] == hashes
    assert manifest["rows"] == {f"{name}.jsonl": len(rows(name)) for name in FILES}


def test_the_manifest_names_what_the_build_script_uses() -> None:
    manifest, build = json.loads((SAMPLE / "manifest.json").read_text("utf-8")), load("build")
    assert (manifest["seed"], manifest["packages"]) == (build["SEED"], build["PACKAGES"])


def test_the_splits_are_as_large_as_promised() -> None:
    assert len(rows("train")) >= 300
    assert len(rows("validation")) >= 100
    assert len(rows("test")) >= 200


@pytest.mark.parametrize("name", FILES)
def test_every_row_is_an_example_that_ends_with_the_user(name: str) -> None:
    examples = list(read_examples(SAMPLE / f"{name}.jsonl"))
    assert len(examples) == len(rows(name))
    assert {example.messages[-1]["role"] for example in examples} == {"user"}
    assert {m["role"] for example in examples for m in example.messages} == {"user", "assistant"}


@pytest.mark.parametrize("name", FILES)
def test_every_row_has_its_answer_as_strings_and_a_tier(name: str) -> None:
    for row in rows(name):
        assert all(isinstance(row["citation"][part], str) and row["citation"][part] for part in PARTS)
        assert row["tier"] in {1, 2, 3, 4}


@pytest.mark.parametrize("name", SPLITS)
def test_the_citation_stands_in_its_text_but_for_the_spelling_of_the_reporter(name: str) -> None:
    for row in rows(name):
        cite = " ".join(row["citation"][part] for part in PARTS)
        assert (cite in text_of(row)) == (row["tier"] < 4)
        assert f" {row['citation']['volume']} " in text_of(row)


@pytest.mark.parametrize("name", SPLITS)
def test_every_tier_occurs_in_every_split(name: str) -> None:
    tiers = [row["tier"] for row in rows(name)]
    assert all(tiers.count(tier) >= 0.1 * len(tiers) for tier in (1, 2, 3, 4))


def test_no_volume_of_a_reporter_stands_in_two_splits() -> None:
    volumes = [
        (row["citation"]["reporter"], row["citation"]["volume"], name)
        for name in SPLITS
        for row in rows(name)
    ]
    assert len({(reporter, volume) for reporter, volume, _ in volumes}) == len(set(volumes))


@pytest.mark.parametrize("table", ["PARTIES", "PASSAGES", "DISTRACTOR_PASSAGES"])
def test_no_party_or_passage_belongs_to_two_splits(table: str) -> None:
    entries = [entry for split in SPLITS for entry in load("build")[table][split]]
    assert len(entries) == len(set(entries))


def test_every_party_in_a_text_belongs_to_its_split() -> None:
    parties = load("build")["PARTIES"]
    for name in SPLITS:
        others = {party for split in SPLITS if split != name for party in parties[split]}
        found = {party for row in rows(name) for party in others if f"{party} v." in text_of(row)}
        assert not found


def test_no_text_occurs_twice() -> None:
    texts = [text_of(row) for name in SPLITS for row in rows(name)]
    assert len(texts) == len(set(texts))


def test_no_row_asks_for_the_answer_of_a_worked_example() -> None:
    for name in SPLITS:
        for row in rows(name):
            shown = [json.loads(m["content"]) for m in row["messages"] if m["role"] == "assistant"]
            assert row["citation"] not in shown


def test_some_reporters_are_met_in_the_test_only() -> None:
    reporters = {name: {row["citation"]["reporter"] for row in rows(name)} for name in SPLITS}
    assert (
        reporters["test"] - reporters["train"] - reporters["validation"] == load("build")["TEST_ONLY_SERIES"]
    )


def test_the_quick_validation_rows_are_the_first_validation_rows() -> None:
    quick = rows("validation-quick")
    assert quick == rows("validation")[: len(quick)]


def test_there_are_forty_outputs_and_a_fifth_of_them_cannot_be_read() -> None:
    cases = list(read_cases(SAMPLE / "outputs.jsonl", rows=SAMPLE / "train.jsonl"))
    unread = [case for case in cases if expected_reward(case.sample.output_text, case.item) is None]
    assert len(cases) >= 40
    assert len(unread) >= len(cases) / 5


def test_every_output_gets_the_reward_it_is_listed_with(grader: Grader) -> None:
    cases = list(read_cases(SAMPLE / "outputs.jsonl", rows=SAMPLE / "train.jsonl"))
    grades = grader.grade_batch([(case.sample, case.item) for case in cases])
    missed = [c.line for c, grade in zip(cases, grades, strict=True) if c.expect.holds(grade) is not True]
    assert missed == []


def test_the_rewards_equal_an_independent_computation(grader: Grader) -> None:
    cases = list(read_cases(SAMPLE / "outputs.jsonl", rows=SAMPLE / "train.jsonl"))
    rewards = [grade.reward for grade in grader.grade_batch([(c.sample, c.item) for c in cases])]
    assert rewards == pytest.approx([expected_reward(c.sample.output_text, c.item) for c in cases])


def test_the_python_grader_meets_the_same_expectations() -> None:
    grade = load("grader")["grade"]
    cases = list(read_cases(SAMPLE / "outputs.jsonl", rows=SAMPLE / "train.jsonl"))
    for case in cases:
        reward = grade({"output_json": parse(case.sample.output_text)}, case.item)
        assert case.expect.holds(Grade(reward)), case.line


def test_only_a_wholly_right_citation_earns_more_than_half(grader: Grader) -> None:
    for row in rows("test")[:50]:
        right = row["citation"]
        wrong = [{**right, part: value} for part in PARTS for value in ("0", text_of(row), "")]
        pairs = [(as_sample(answer), row) for answer in (right, *wrong)]
        best, *others = (grade.reward for grade in grader.grade_batch(pairs))
        assert best == pytest.approx(1.0)
        assert all(reward is not None and reward <= 0.5 + 1e-9 for reward in others)


def as_sample(answer: dict[str, Any]) -> Sample:
    text = json.dumps(answer)
    return Sample(text, parse_output(text))


def parse(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None
