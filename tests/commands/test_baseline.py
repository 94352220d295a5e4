"""Baselines: known findings are accepted, new ones are not, and some never are."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from rftctl.commands.updates import finish
from rftctl.commands.validate import ValidationReport, validate
from rftctl.errors import ExitCode, InvalidInputError, StorageError
from rftctl.home import Home
from tests.conftest import read_json, run_rftctl

TODAY = date(2026, 11, 22)


def check(spec: Path, baseline: Path, **options: object) -> ValidationReport:
    home = Home(spec.parent / "home")
    return finish(validate(spec, today=TODAY, home=home, baseline=baseline, **options))  # type: ignore[arg-type]


def codes(report: ValidationReport) -> list[str]:
    return [finding.code for finding in report.findings]


@pytest.fixture
def baseline(tiny_spec: Path) -> Path:
    """Give the test a baseline that accepts two broken rows of the tiny spec."""
    break_rows(tiny_spec, 3, 5)
    path = tiny_spec.with_name("baseline.json")
    check(tiny_spec, path, update_baseline=True)
    return path


def break_rows(spec: Path, *numbers: int) -> None:
    train = spec.with_name("train.jsonl")
    lines = train.read_text().splitlines()
    for number in numbers:
        lines[number - 1] = lines[number - 1].replace('"answer"', "'answer'")
    train.write_text("\n".join(lines) + "\n")


def test_accepted_findings_do_not_refuse(tiny_spec: Path, baseline: Path) -> None:
    report = check(tiny_spec, baseline)
    assert (report.exit_code, report.n_errors, report.n_accepted) == (ExitCode.OK, 0, 2)


def test_lines_inserted_above_change_nothing(tiny_spec: Path, baseline: Path) -> None:
    train = tiny_spec.with_name("train.jsonl")
    row = {"messages": [{"role": "user", "content": "a new question"}], "answer": "yes"}
    train.write_text(json.dumps(row) + "\n" + train.read_text())
    assert check(tiny_spec, baseline).n_errors == 0


def test_a_new_fault_refuses(tiny_spec: Path, baseline: Path) -> None:
    break_rows(tiny_spec, 8)
    report = check(tiny_spec, baseline)
    assert (report.exit_code, report.n_errors, report.n_accepted) == (ExitCode.INVALID, 1, 2)
    assert [f.place.line for f in report.findings if f.code == "RFT201"] == [8]


def test_an_accepted_line_that_was_copied_refuses(tiny_spec: Path, baseline: Path) -> None:
    train = tiny_spec.with_name("train.jsonl")
    train.write_text(train.read_text() + train.read_text().splitlines()[2] + "\n")
    assert check(tiny_spec, baseline).n_errors == 1


def test_a_changed_line_refuses_again(tiny_spec: Path, baseline: Path) -> None:
    train = tiny_spec.with_name("train.jsonl")
    train.write_text(train.read_text().replace("after 2", "before 2"))
    report = check(tiny_spec, baseline)
    assert (report.n_errors, codes(report).count("RFT152")) == (1, 1)


def test_an_entry_that_no_longer_occurs_is_a_note(tiny_spec: Path, baseline: Path) -> None:
    train = tiny_spec.with_name("train.jsonl")
    train.write_text(train.read_text().replace("'answer'", '"answer"'))
    report = check(tiny_spec, baseline)
    stale = [finding for finding in report.findings if finding.code == "RFT152"]
    assert (report.exit_code, len(stale)) == (ExitCode.OK, 2)
    assert all("--update-baseline" in finding.hint for finding in stale)


def test_any_current_folder_gives_the_same_fingerprints(
    tiny_spec: Path, baseline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_spec.parent)
    assert check(Path("spec.yaml"), Path("baseline.json")).n_accepted == 2


def test_more_findings_than_are_shown_can_be_accepted(tiny_spec: Path) -> None:
    train, path = tiny_spec.with_name("train.jsonl"), tiny_spec.with_name("b.json")
    train.write_text("".join(f"broken {n}\n" for n in range(50)))
    check(tiny_spec, path, update_baseline=True)
    report = check(tiny_spec, path)
    assert (report.n_accepted, report.n_errors, report.left_out) == (50, 0, {})


def test_a_secret_is_never_accepted(tiny_spec: Path) -> None:
    path = tiny_spec.with_name("b.json")
    tiny_spec.write_text(tiny_spec.read_text() + "metadata: {k: sk-proj-0123456789abcdefghijklmn}\n")
    report = check(tiny_spec, path, update_baseline=True)
    assert (report.exit_code, report.n_errors) == (ExitCode.INVALID, 1)
    assert "sk-proj" not in path.read_text()


def test_an_error_of_the_provider_is_never_accepted(tiny_spec: Path) -> None:
    path = tiny_spec.with_name("b.json")
    tiny_spec.write_text(tiny_spec.read_text().replace("tiny-random", "tiny-rndom"))
    report = check(tiny_spec, path, update_baseline=True)
    assert (report.n_errors, "RFT401" in codes(report)) == (1, True)


def test_a_warning_of_the_provider_may_be_accepted(tiny_spec: Path) -> None:
    path = tiny_spec.with_name("b.json")
    text = (
        tiny_spec.read_text()
        .replace("provider: local", "provider: azure")
        .replace("tiny-random", "gpt-5-2025-08-07")
    )
    tiny_spec.write_text(
        "\n".join(line for line in text.splitlines() if not line.startswith("engine")) + "\n"
    )
    assert check(tiny_spec, path, update_baseline=True, strict=True).exit_code is ExitCode.OK


def test_a_file_that_is_no_baseline_is_refused(tiny_spec: Path) -> None:
    path = tiny_spec.with_name("b.json")
    path.write_text('{"findings": []}')
    with pytest.raises(InvalidInputError) as caught:
        check(tiny_spec, path)
    assert [f.code for f in caught.value.findings] == ["RFT151"]
    assert "--update-baseline" in caught.value.hint


def test_a_missing_baseline_is_refused(tiny_spec: Path) -> None:
    with pytest.raises(InvalidInputError, match="cannot be read"):
        check(tiny_spec, tiny_spec.with_name("none.json"))


def test_a_baseline_of_a_later_version_is_refused(tiny_spec: Path) -> None:
    path = tiny_spec.with_name("b.json")
    path.write_text('{"schema": "rftctl.baseline/2", "findings": []}')
    with pytest.raises(InvalidInputError, match="baseline/2"):
        check(tiny_spec, path)


def test_a_baseline_that_cannot_be_written_is_said(tiny_spec: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        check(tiny_spec, tiny_spec.parent / "nowhere" / "b.json", update_baseline=True)


def test_the_command_says_how_many_it_accepted(tiny_spec: Path, baseline: Path, tmp_path: Path) -> None:
    arguments = ("validate", str(tiny_spec), "--baseline", str(baseline))
    document = read_json(run_rftctl(*arguments, "--json", home=tmp_path / "h"))
    assert (document["valid"], document["n_accepted"], document["baseline"]["n_entries"]) == (True, 2, 2)


def test_updating_needs_a_file(tiny_spec: Path, tmp_path: Path) -> None:
    done = run_rftctl("validate", str(tiny_spec), "--update-baseline", home=tmp_path / "h")
    assert (done.returncode, "--baseline FILE" in done.stderr) == (2, True)
