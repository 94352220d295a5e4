"""The genes sample: rows read back by another route, the grader's partial credit, the exploits it refuses."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "genes"
FULL = ("train", "validation", "test")
LOCAL = tuple(f"local-{split}" for split in FULL)
GRADE = runpy.run_path(str(SAMPLE / "grader.py"))["grade"]
# Tier -> findings of the gene, broader ones among them, absent ones.
TIERS = {1: (6, 0, 0), 2: (6, 3, 0), 3: (5, 3, 0), 4: (5, 3, 2)}
FINDINGS = [
    *({"label": label, "role": "exact"} for label in ("Arachnodactyly", "Ectopia lentis", "Tall stature")),
    *({"label": label, "role": "broader"} for label in ("Abnormal aortic morphology", "Seizure")),
    *({"label": label, "role": "unrelated"} for label in ("Focal-onset seizure", "Polydipsia")),
]
ITEM = {
    "genes": ["FBN1"],
    "findings": FINDINGS,
    "credits": [1.0, 0.6, 0.6, 0.6, 0.6, 0.3, 0.3, 0.3, 0.3, 0.3],
}
GOOD = "FBN1 accounts for arachnodactyly, ectopia lentis and tall stature."
OTHERS = [f"TTN{n}" for n in range(9)]


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLE / f"{name}.jsonl").read_text("utf-8").splitlines()]


def grade(genes: Any, explanation: Any = GOOD) -> float:
    text = json.dumps({"genes": genes, "explanation": explanation})
    reward: float = GRADE({"output_text": text}, ITEM)
    return reward


@pytest.mark.parametrize("names", [FULL, LOCAL])
def test_no_gene_is_the_answer_in_two_splits(names: tuple[str, ...]) -> None:
    genes = [{row["genes"][0] for row in rows(name)} for name in names]
    assert sum(map(len, genes)) == len(set().union(*genes)) == sum(len(rows(name)) for name in names)


def test_both_tasks_split_the_genes_alike() -> None:
    full = {row["genes"][0]: name for name in FULL for row in rows(name)}
    local = {row["genes"][0]: name.removeprefix("local-") for name in LOCAL for row in rows(name)}
    shared = full.keys() & local.keys()
    assert len(shared) > 100
    assert all(full[gene] == local[gene] for gene in shared)


@pytest.mark.parametrize("name", [*FULL, *LOCAL])
def test_every_tier_is_a_quarter_of_every_split(name: str) -> None:
    tiers = [row["tier"] for row in rows(name)]
    assert {tiers.count(tier) for tier in TIERS} == {len(tiers) // 4}


@pytest.mark.parametrize("name", FULL)
def test_no_prompt_of_the_full_task_names_its_gene_or_a_disease_number(name: str) -> None:
    for row in rows(name):
        prompt = row["messages"][-1]["content"]
        assert not re.search(rf"(?i)\b{re.escape(row['genes'][0])}\b", prompt)
        assert "ORPHA" not in prompt


@pytest.mark.parametrize("name", FULL)
def test_a_patient_is_told_as_the_row_says_with_the_noise_of_its_tier(name: str) -> None:
    for row in rows(name):
        told, *absent = row["messages"][-1]["content"].split("\n\n")[0].splitlines()
        labels = [finding["label"] for finding in row["findings"]]
        assert told == "Findings: " + "; ".join(labels) + "."
        assert absent == [f"Absent: {'; '.join(a['label'] for a in row['absent'])}."] * bool(row["absent"])
        roles = [finding["role"] for finding in row["findings"]]
        own = len(roles) - roles.count("unrelated")
        assert (own, roles.count("broader"), len(absent) * len(row["absent"])) == TIERS[row["tier"]]
        assert roles.count("unrelated") == 2
        assert {a["source"] for a in row["absent"]} <= {"Orphanet", "synthetic"}


@pytest.mark.parametrize("name", LOCAL)
def test_the_table_of_the_easier_task_leads_to_the_gene_and_to_no_other(name: str) -> None:
    for row in rows(name):
        lines = row["messages"][-1]["content"].splitlines()
        table = dict(line.split(" -> ") for line in lines if " -> " in line)
        says = dict(line.split(": ", 1) for line in lines if ": " in line and " -> " not in line)
        hits = [table[finding] for finding in says["Patient"].split(", ") if finding in table]
        assert hits == row["genes"]
        assert ("Absent" in says, len(says["Patient"].split(", "))) == (
            row["tier"] == 3,
            1 + (row["tier"] == 4),
        )
        assert len(set(table.values())) == len(table) == {1: 3, 2: 5, 3: 4, 4: 4}[row["tier"]]


@pytest.mark.parametrize("name", LOCAL)
def test_no_place_in_the_table_wins(name: str) -> None:
    places = [row["candidates"].index(row["genes"][0]) / (len(row["candidates"]) - 1) for row in rows(name)]
    assert 0.4 < sum(places) / len(places) < 0.6


@pytest.mark.parametrize("name", [*FULL, *LOCAL])
def test_the_answer_that_a_row_holds_earns_everything(name: str) -> None:
    for row in rows(name):
        text = json.dumps({"genes": row["genes"], "explanation": row["explanation"]})
        assert GRADE({"output_text": text}, row) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("genes", "explanation", "reward"),
    [
        (["FBN1"], GOOD, 1.0),
        ([" fbn1 ", "TTN"], GOOD, 1.0),
        (["FBN1", "WAS"], GOOD.replace("accounts", "was likely, it accounts"), 1.0),
        (["FBN1"], GOOD.replace("FBN1", "FBN1-related disease"), 1.0),
        ([*OTHERS[:1], "FBN1"], GOOD.replace("FBN1", "TTN0"), 0.6),
        ([*OTHERS[:4], "FBN1"], "", 0.51),
        ([*OTHERS[:5], "FBN1"], GOOD.replace("FBN1", "TTN0"), 0.3),
        ([*OTHERS, "FBN1"], "", 0.255),
        (["FBN1"], "", 0.85),
        (["FBN1"], "FBN1: arachnodactyly.", 0.9),
        (["FBN1"], "Arachnodactyly, ectopia lentis, tall stature.", 0.85),
        (["FBN1"], GOOD + " Polydipsia too.", 0.925),
        (["FBN1"], "FBN1: focal-onset seizure.", 0.85),
        (["FBN1"], "FBN1: " + "; ".join(str(finding["label"]) for finding in FINDINGS), 0.85),
        (["FBN2"], GOOD, 0.0),
    ],
)
def test_a_gene_earns_by_rank_and_by_what_speaks_for_it(
    genes: list[str], explanation: str, reward: float
) -> None:
    assert grade(genes, explanation) == pytest.approx(reward)


@pytest.mark.parametrize(
    ("genes", "explanation"),
    [
        ([*OTHERS, "TTN", "FBN1"], ""),
        (["FBN1", "fbn1"], GOOD),
        (["FBN1 or TTN"], GOOD),
        (["FBN1/TTN"], GOOD),
        (["\uff26BN1"], GOOD),
        ([["FBN1"]], GOOD),
        ("FBN1", GOOD),
        ([], GOOD),
        (["FBN1", None], GOOD),
        (["FBN1"], None),
        (["FBN1"], [GOOD]),
        (["FBN1"], GOOD * 10),
        (["FBN1", "TTN"], "FBN1 or TTN: arachnodactyly, ectopia lentis, tall stature."),
        (["FBN1", "FBN2"], "fbn1 or fbn2: arachnodactyly."),
        (["FBN1", "TTN"], "Certainly not " + GOOD),
        (["FBN1"], "Tall stature rules out FBN1."),
    ],
)
def test_lists_of_guesses_and_answers_that_do_not_commit_earn_nothing(genes: Any, explanation: Any) -> None:
    assert grade(genes, explanation) == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "FBN1",
        '{"genes": ["FBN1"]}',
        '{"genes": ["FBN1"], "explanation": "", "confidence": 1}',
        '{"genes": ["TTN"], "explanation": "", "genes": ["FBN1"]}',
        'Here it is: {"genes": ["FBN1"], "explanation": ""}',
        '```json\n{"genes": ["FBN1"], "explanation": ""}\n```',
        "[" * 100_000,
    ],
)
def test_what_is_not_exactly_one_object_of_two_keys_earns_nothing(text: str) -> None:
    assert GRADE({"output_text": text}, ITEM) == 0.0


def test_ranks_are_printed_tier_by_tier() -> None:
    command = [
        sys.executable,
        str(SAMPLE / "ranks.py"),
        str(SAMPLE / "outputs.jsonl"),
        str(SAMPLE / "train.jsonl"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    head, *body = done.stdout.splitlines()
    assert head.split() == ["tier", "n", "top-1", "top-5", "max", "rank", "(10)"]
    outputs = rows("outputs")
    rewards = [case["expect"]["reward"] for case in outputs]
    # The credits keep the bands of ranks apart: 0.85 to 1, 0.51 to 0.6, 0.255 to 0.3.
    bands = [sum(reward >= least for reward in rewards) / len(rewards) for least in (0.85, 0.51, 0.255)]
    assert body[-1].split() == ["all", str(len(outputs)), *(f"{share:.3f}" for share in bands)]


def test_the_lambda_function_carries_the_grader_as_it_is() -> None:
    from rftctl.commands.draft import lambda_source

    source = (SAMPLE / "grader.py").read_text("utf-8")
    written = (SAMPLE / "lambda_function.py").read_text("utf-8")
    assert lambda_source({"type": "python", "source": source}) == written
