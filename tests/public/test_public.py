"""Examples of public documents, retold: validation finds nothing wrong with them, and their graders work.

Each folder follows one example of the RFT and graders guides, of Azure's RFT page and samples, or of
Bedrock's pages on open-weight models; the first line of its spec says which. The rows are our own.
"""

from __future__ import annotations

import json
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
import yaml

from rftctl.commands.updates import finish
from rftctl.commands.validate import ValidationReport, validate
from rftctl.dataset import Sample, read_examples
from rftctl.finding import Level
from rftctl.graders import build_grader
from rftctl.home import Home
from rftctl.spec import load_spec

HERE = Path(__file__).parent
TODAY = date(2026, 11, 22)
WHEN_WRITTEN = {"openai": date(2025, 9, 1)}
"""A day on which the document's own model could still be trained at the document's own provider."""
NAMES = sorted(path.parent.name for path in HERE.glob("*/spec.yaml"))
EXPECTED_WARNINGS = {
    "contact-extraction": {"RFT404"},
    "medical-coding": {"RFT404"},
    "medical-diagnosis": {"RFT404"},
    "number-puzzle": {"RFT143"},
    "security-review": {"RFT404"},
    "tool-call": {"RFT404"},
}
"""What is true of an example and worth a word: the platform's end, Azure's flat response format."""
ANSWERS: dict[str, tuple[Sample, Sample]] = {
    "bedrock-questions": (Sample("8"), Sample("9")),
    "clause-matching": (
        Sample(
            "",
            {
                "clause_type": "Exclusivity",
                "extracted_text": "Buyer shall obtain all its needs of the Goods from Seller alone.",
            },
        ),
        Sample("", {"clause_type": "Non-Compete", "extracted_text": "?"}),
    ),
    "contact-extraction": (
        Sample("", {"name": "Ida Brand", "email": "ida@example.org"}),
        Sample("", {"name": "Bo", "email": ""}),
    ),
    "medical-coding": (Sample("J45.909 and J30.1"), Sample("M10.9")),
    "multiple-choice": (Sample("A"), Sample("B")),
    "number-puzzle": (Sample("", {"solution": "2 * 3 + 4 = 10"}), Sample("", {"solution": "2 + 3 + 4 = 10"})),
    "summary-and-label": (Sample("fault: pump replaced after two failures"), Sample("all is well")),
    "tool-call": (
        Sample(
            "",
            output_tools=[{"function": {"name": "find_policy", "arguments": '{"topic": "log retention"}'}}],
        ),
        Sample("", output_tools=[{"function": {"name": "guess", "arguments": "{}"}}]),
    ),
}
"""Name -> a right and a wrong output for the first training row; the others ask a judge."""


def targets() -> list[tuple[str, str | None]]:
    """List every example at its own provider and at each of its targets."""
    specs = {name: yaml.safe_load((HERE / name / "spec.yaml").read_text()) for name in NAMES}
    return [(name, target) for name, spec in specs.items() for target in (None, *spec.get("targets", {}))]


def check(name: str, target: str | None, home: Path) -> ValidationReport:
    path = HERE / name / "spec.yaml"
    provider = yaml.safe_load(path.read_text())["provider"]
    day = TODAY if target else WHEN_WRITTEN.get(provider, TODAY)
    return finish(validate(path, target=target, today=day, home=Home(home)))


@pytest.mark.parametrize(("name", "target"), targets())
def test_a_documents_own_example_raises_no_error(name: str, target: str | None, tmp_path: Path) -> None:
    report = check(name, target, tmp_path)
    assert [str(finding) for finding in report.findings if finding.level is Level.ERROR] == []
    assert sum(report.n_examples.values()) >= 5


@pytest.mark.parametrize("name", NAMES)
def test_a_documents_own_example_raises_no_warning_but_the_true_ones(name: str, tmp_path: Path) -> None:
    report = check(name, None, tmp_path)
    warned = {finding.code for finding in report.findings if finding.level is Level.WARNING}
    assert warned == EXPECTED_WARNINGS.get(name, set())


@pytest.mark.parametrize("name", ["security-review", "medical-diagnosis", "tool-call"])
def test_today_the_guides_model_is_gone_and_the_way_out_is_named(name: str, tmp_path: Path) -> None:
    report = finish(validate(HERE / name / "spec.yaml", today=TODAY, home=Home(tmp_path)))
    errors = {finding.code: finding.hint for finding in report.findings if finding.level is Level.ERROR}
    assert "RFT402" in errors
    assert errors["RFT402"] == "--target azure still runs it"


@pytest.mark.parametrize("name", ANSWERS)
def test_its_grader_pays_the_right_answer_in_full_and_the_wrong_one_less(name: str) -> None:
    spec_file = load_spec(HERE / name / "spec.yaml")
    grader = build_grader(spec_file.grader)
    example = next(iter(read_examples(HERE / name / "train.jsonl")))
    with closing(grader):
        grades = grader.grade_batch([(sample, example.item) for sample in ANSWERS[name]])
    right, wrong = (grade.reward for grade in grades)
    assert right == pytest.approx(1.0)
    assert wrong is not None
    assert wrong < 0.6


def test_every_example_is_retold_with_a_source() -> None:
    for name in NAMES:
        assert (HERE / name / "spec.yaml").read_text().startswith("# After ")
        rows = [json.loads(line) for line in (HERE / name / "train.jsonl").read_text().splitlines()]
        assert all(row["messages"][-1]["role"] == "user" for row in rows)
