"""`validate`: a whole spec is checked in one pass."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from rftctl.commands.updates import Progress, finish
from rftctl.commands.validate import ValidationReport, validate
from rftctl.errors import ExitCode
from rftctl.home import Home

TODAY = date(2026, 11, 22)
SPEC = """version: 1
name: codes
provider: local
model: smollm2-135m
training_file: train.jsonl
validation_file: validation.jsonl
grader:
  {type: string_check, name: g, operation: eq, input: "{{sample.output_text}}", reference: "{{item.code}}"}
engine: {max_completion_tokens: 16}
targets:
  openai: {provider: openai, model: o4-mini-2025-04-16}
  azure: {provider: azure, model: o4-mini-2025-04-16}
"""


def check(path: Path, **options: object) -> ValidationReport:
    home = Home(path.parent / "home")
    return finish(validate(path, today=TODAY, home=home, **options))  # type: ignore[arg-type]


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    for name in ("train", "validation"):
        rows = [{"messages": [{"role": "user", "content": f"{name} {n}"}], "code": f"A{n}"} for n in range(3)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "spec.yaml").write_text(SPEC)
    return tmp_path / "spec.yaml"


def test_a_good_spec_passes_without_a_word(spec: Path) -> None:
    report = check(spec)
    assert (report.findings, report.exit_code) == ((), ExitCode.OK)
    assert report.n_examples == {"training": 3, "validation": 3}


def test_a_missing_spec_is_one_finding(tmp_path: Path) -> None:
    report = check(tmp_path / "no.yaml")
    assert [finding.code for finding in report.findings] == ["RFT100"]
    assert report.exit_code is ExitCode.INVALID


def test_spec_and_data_are_checked_in_one_pass(spec: Path) -> None:
    spec.write_text(SPEC.replace("model:", "modle:"))
    (spec.parent / "train.jsonl").write_text("nope\n")
    assert {finding.code for finding in check(spec).findings} == {"RFT120", "RFT201"}


def test_a_shut_down_model_names_the_target_that_still_runs(spec: Path) -> None:
    report = check(spec, target="openai")
    finding = next(finding for finding in report.findings if finding.code == "RFT402")
    assert finding.hint == "--target azure still runs it"
    assert "checked 2026-11-22" in finding.message


def test_a_target_that_does_not_take_the_grader_is_no_way_out(spec: Path) -> None:
    spec.write_text(SPEC + "  lab: {provider: lab, model: o4-mini-2025-04-16}\n")
    (spec.parent / "home").mkdir()
    facts = "title: a, source: b, checked_on: c, models: [{id: o4-mini-2025-04-16}]"
    (spec.parent / "home" / "profiles.yaml").write_text(f"lab: {{{facts}, grader_types: [python]}}\n")
    finding = next(f for f in check(spec, target="openai").findings if f.code == "RFT402")
    assert finding.hint == "--target azure still runs it"


def test_one_file_for_two_splits_is_read_once(spec: Path) -> None:
    spec.write_text(SPEC.replace("validation.jsonl", "train.jsonl"))
    report = check(spec)
    assert [f.code for f in report.findings if f.level == "error"] == ["RFT134"]
    assert report.n_examples == {"training": 3}


def test_the_model_was_fine_the_day_before(spec: Path) -> None:
    report = finish(validate(spec, target="openai", today=date(2026, 10, 22), home=Home(spec.parent)))
    assert report.exit_code is ExitCode.OK


def test_after_its_end_a_platform_takes_nothing(spec: Path) -> None:
    report = finish(validate(spec, target="openai", today=date(2027, 1, 6), home=Home(spec.parent)))
    assert "RFT405" in {finding.code for finding in report.findings}


def test_strict_turns_warnings_into_a_refusal(spec: Path) -> None:
    train = spec.parent / "train.jsonl"
    train.write_text(train.read_text() + train.read_text())
    assert (check(spec).exit_code, check(spec, strict=True).exit_code) == (ExitCode.OK, ExitCode.INVALID)


def test_a_template_path_is_resolved_against_every_row(spec: Path) -> None:
    (spec.parent / "validation.jsonl").write_text(
        '{"messages": [{"role": "user", "content": "x"}], "cod": "A"}\n'
    )
    findings = check(spec).findings
    assert [(f.code, Path(f.place.path).name, f.place.line) for f in findings] == [
        ("RFT235", "validation.jsonl", 1)
    ]
    assert findings[0].hint == "did you mean 'cod'?"


def test_a_provider_of_the_users_own_config_is_known(spec: Path) -> None:
    spec.write_text(SPEC.replace("provider: local", "provider: ours"))
    home = Home(spec.parent, providers={"ours": {"base_url": "https://example.com", "profile": "local"}})
    assert finish(validate(spec, today=TODAY, home=home)).exit_code is ExitCode.OK


def test_progress_names_the_split(spec: Path) -> None:
    rows = "".join(
        f'{{"messages": [{{"role": "user", "content": "r {n}"}}], "code": "A"}}\n' for n in range(10_000)
    )
    (spec.parent / "train.jsonl").write_text(rows)
    updates = list(validate(spec, today=TODAY, home=Home(spec.parent)))
    assert updates == [Progress("training rows", 10_000)]


def test_the_document_can_be_written_as_json(spec: Path) -> None:
    document = json.loads(json.dumps(check(spec, target="openai").to_json()))
    assert (document["schema"], document["valid"]) == ("rftctl.validate/1", False)
    assert {"code", "level", "path", "line", "column", "message", "hint"} == set(document["findings"][0])
