"""SARIF: the log fits the official schema, and says where."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Log

from rftctl.errors import UsageError
from rftctl.report.sarif import sarif
from tests.conftest import run_rftctl, write_tiny_spec
from tests.report.examples import make_grading
from tests.report.findings_example import EVIL, FAILED, make_report


def check(text: str) -> dict[str, Any]:
    """Hold a log against the schema's types, and against the schema where `RFTCTL_SARIF_SCHEMA` names it."""
    log: dict[str, Any] = json.loads(text)
    Log.model_validate(log)
    path = os.environ.get("RFTCTL_SARIF_SCHEMA")
    if path:
        jsonschema.Draft4Validator(json.loads(Path(path).read_text())).validate(log)
    return log


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "sub dir").mkdir()
    monkeypatch.chdir(tmp_path / "sub dir")
    return tmp_path / "sub dir"


def results(log: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = log["runs"][0]["results"]
    return found


def region(log: dict[str, Any], code: str) -> dict[str, Any]:
    found = next(result for result in results(log) if result["ruleId"] == code)
    physical: dict[str, Any] = found["locations"][0]["physicalLocation"]
    return physical


def test_a_report_fits_the_official_schema(folder: Path) -> None:
    assert len(results(check(sarif(make_report(folder))))) == 9


@pytest.mark.parametrize("online", [None, FAILED])
def test_hostile_text_fits_it_too(folder: Path, online: Any) -> None:
    text = sarif(make_report(folder, text=EVIL, online=online))
    check(text)
    assert not set(json.dumps(json.loads(text), ensure_ascii=False)) & set("\x1b\u202e")


def test_a_result_has_line_column_and_text(folder: Path) -> None:
    found = region(check(sarif(make_report(folder))), "RFT401")
    assert found["region"] == {"startLine": 3, "startColumn": 8, "snippet": {"text": "gpt-9"}}
    assert found["contextRegion"] == {"startLine": 3, "snippet": {"text": "model: gpt-9"}}


def test_paths_start_at_the_repositorys_root(folder: Path) -> None:
    (folder.parent / ".git").mkdir()
    found = region(check(sarif(make_report(folder))), "RFT401")
    assert found["artifactLocation"] == {"uri": "sub%20dir/spec.yaml", "uriBaseId": "%SRCROOT%"}


def test_a_setting_is_no_file(folder: Path) -> None:
    found = next(r for r in results(check(sarif(make_report(folder)))) if r["ruleId"] == "RFT126")
    assert found["locations"] == [{"logicalLocations": [{"name": "--set name.x", "kind": "parameter"}]}]


def test_every_rule_is_explained_and_every_result_points_at_its_rule(folder: Path) -> None:
    log = check(sarif(make_report(folder)))
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in results(log))
    assert all(rule["shortDescription"]["text"] and "Wrong:" in rule["help"]["markdown"] for rule in rules)


def test_fingerprints_are_those_of_the_baseline(folder: Path) -> None:
    report = make_report(folder)
    found = [result["partialFingerprints"]["rftctlFinding/v1"] for result in results(check(sarif(report)))]
    assert found == [report.fingerprints[finding] for finding in report.findings]


def test_what_is_not_listed_is_told(folder: Path) -> None:
    invocation = check(sarif(make_report(folder)))["runs"][0]["invocations"][0]
    notes = [note["message"]["text"] for note in invocation["toolExecutionNotifications"]]
    assert (notes, invocation["exitCode"]) == (["17 more findings of RFT204 not listed."], 3)


def test_another_report_has_no_such_form() -> None:
    with pytest.raises(UsageError, match="no SARIF form"):
        sarif(make_grading())


def test_the_command_writes_a_log_and_keeps_its_exit_code(tmp_path: Path) -> None:
    spec = write_tiny_spec(tmp_path)
    spec.write_text(spec.read_text().replace("seed:", "sede:"))
    done = run_rftctl("validate", str(spec), "--format", "sarif", home=tmp_path / "home")
    assert (done.returncode, done.stderr) == (3, "")
    assert [result["ruleId"] for result in results(check(done.stdout)) if result["level"] == "error"] == [
        "RFT120"
    ]
