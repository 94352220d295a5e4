"""Loading run specs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from rftctl.errors import InvalidInputError
from rftctl.finding import Place
from rftctl.graders import check_grader
from rftctl.spec import SpecFile, load_spec, spec_schema
from rftctl.spec.editor import GRADERS
from rftctl.spec.load import draft_spec, files_of
from rftctl.spec.overlay import suggest
from rftctl.strict_yaml import parse_yaml, read_yaml
from tests.conftest import REPOSITORY

if TYPE_CHECKING:
    from rftctl.finding import Finding

SPEC = """version: 1
name: codes
provider: local
model: smollm2-135m
training_file: train.jsonl
grader: {type: python, name: g, source_file: grader.py}
hyperparameters: {n_epochs: 1, batch_size: 4}
targets:
  azure: {provider: azure, hyperparameters: {n_epochs: 3}, suffix: null}
suffix: mine
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train.jsonl").write_text('{"messages": [{"role": "user", "content": "hi"}]}\n')
    (tmp_path / "grader.py").write_text("def grade(sample, item):\n    return 1.0\n")
    (tmp_path / "spec.yaml").write_text(SPEC)
    return tmp_path


def findings_of(path: Path, **options: object) -> list[Finding]:
    with pytest.raises(InvalidInputError) as caught:
        load_spec(path, **options)  # type: ignore[arg-type]
    return list(caught.value.findings)  # type: ignore[arg-type]


def changed(folder: Path, old: str, new: str) -> Path:
    assert old in SPEC
    (folder / "spec.yaml").write_text(SPEC.replace(old, new))
    return folder / "spec.yaml"


def load(folder: Path, **options: object) -> SpecFile:
    return load_spec(folder / "spec.yaml", **options)  # type: ignore[arg-type]


def test_files_are_found_relative_to_the_spec(folder: Path) -> None:
    assert load(folder).file("training_file") == (folder / "train.jsonl").resolve()


def test_a_file_that_the_spec_does_not_name_is_none(folder: Path) -> None:
    assert load(folder).file("validation_file") is None


def test_the_graders_source_is_put_in_place(folder: Path) -> None:
    grader = load(folder).grader
    assert grader == {"type": "python", "name": "g", "source": "def grade(sample, item):\n    return 1.0\n"}


def test_a_source_inside_a_multi_is_put_in_place(folder: Path) -> None:
    inner = "{type: python, name: g, source_file: grader.py}"
    multi = f"{{type: multi, name: m, calculate_output: a, graders: {{a: {inner}}}}}"
    path = changed(folder, inner, multi)
    assert load_spec(path).grader["graders"]["a"]["source"].startswith("def grade")


def test_the_digest_changes_with_the_graders_code(folder: Path) -> None:
    before = load(folder).sha256
    (folder / "grader.py").write_text("def grade(sample, item):\n    return 0.0\n")
    assert load(folder).sha256 != before


def test_the_digest_does_not_change_with_comments_or_other_targets(folder: Path) -> None:
    before = load(folder).sha256
    path = changed(folder, "n_epochs: 3", "n_epochs: 4")
    path.write_text("# a comment\n" + path.read_text())
    assert load(folder).sha256 == before


def test_a_target_overlays_settings_key_by_key(folder: Path) -> None:
    spec = load(folder, target="azure").spec
    assert (spec.provider, spec.hyperparameters.n_epochs, spec.hyperparameters.batch_size) == ("azure", 3, 4)


def test_a_null_in_a_target_takes_a_key_away(folder: Path) -> None:
    assert load(folder).spec.suffix == "mine"
    assert load(folder, target="azure").spec.suffix is None


def test_an_overlaid_value_is_placed_in_its_target(folder: Path) -> None:
    spec_file = load(folder, target="azure")
    assert (spec_file.place("provider").line, spec_file.place("model").line) == (9, 4)
    assert spec_file.place("hyperparameters", "n_epochs").line == 9
    assert spec_file.place("hyperparameters", "batch_size").line == 7


def test_an_override_wins_over_a_target(folder: Path) -> None:
    spec = load(
        folder, target="azure", overrides={"hyperparameters.n_epochs": "5", "engine.max_steps": "2"}
    ).spec
    assert (spec.hyperparameters.n_epochs, spec.engine.max_steps) == (5, 2)


def test_a_wrong_override_is_named_as_such(folder: Path) -> None:
    findings = findings_of(folder / "spec.yaml", overrides={"engine.max_steps": "many"})
    assert str(findings[0].place) == "--set engine.max_steps"


def test_all_findings_come_at_once(folder: Path) -> None:
    path = changed(folder, "n_epochs: 1, batch_size: 4", "n_epochs: 99, batch_sise: 4")
    path.write_text(path.read_text().replace("train.jsonl", "trian.jsonl"))
    assert [f.code for f in findings_of(path)] == ["RFT130", "RFT123", "RFT120"]


def test_a_misspelt_required_key_is_one_finding(folder: Path) -> None:
    findings = findings_of(changed(folder, "model:", "modle:"))
    assert [(f.code, f.hint) for f in findings] == [("RFT120", "did you mean 'model'?")]


def test_a_symlink_that_leads_outside_is_refused(tmp_path: Path, folder: Path) -> None:
    (folder / "pyproject.toml").touch()
    (folder / "train.jsonl").unlink()
    (folder / "train.jsonl").symlink_to("/etc/passwd")
    assert [f.code for f in findings_of(folder / "spec.yaml")] == ["RFT131"]


def test_a_circle_of_symlinks_is_refused(folder: Path) -> None:
    (folder / "train.jsonl").unlink()
    (folder / "train.jsonl").symlink_to("train.jsonl")
    assert [f.code for f in findings_of(folder / "spec.yaml")] == ["RFT132"]


def test_a_pipe_is_refused(folder: Path) -> None:
    (folder / "train.jsonl").unlink()
    os.mkfifo(folder / "train.jsonl")
    assert [f.code for f in findings_of(folder / "spec.yaml")] == ["RFT132"]


def test_files_may_lie_beside_the_spec_within_the_repository(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / "configs").mkdir()
    path = folder / "configs" / "spec.yaml"
    path.write_text(SPEC.replace("train.jsonl", "../train.jsonl").replace("grader.py", "../grader.py"))
    assert load_spec(path).root == folder.resolve()


def test_without_a_repository_the_specs_folder_is_the_border(folder: Path) -> None:
    (folder / "configs").mkdir()
    path = folder / "configs" / "spec.yaml"
    path.write_text(SPEC.replace("train.jsonl", "../train.jsonl"))
    assert "RFT131" in {f.code for f in findings_of(path)}


def test_environment_variables_are_not_expanded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAME", "secret")
    findings = findings_of(changed(folder, "suffix: mine", 'suffix: "${NAME}"'))
    assert [f.code for f in findings] == ["RFT124"]
    assert "secret" not in str(findings)


def test_a_broken_target_is_found_before_its_day(folder: Path) -> None:
    findings = findings_of(changed(folder, "n_epochs: 3", "n_epochs: 300"))
    assert [(f.code, f.place.line) for f in findings] == [("RFT123", 9)]


def test_the_schema_accepts_a_spec_and_refuses_a_typo() -> None:
    schema = spec_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    value = parse_yaml(SPEC, Path("spec.yaml")).value
    jsonschema.validate(value, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**value, "modle": "x"}, schema)


def test_every_key_of_the_schema_is_described() -> None:
    schema = spec_schema()
    parts = [schema, *schema["$defs"].values()]
    fields = [(name, field) for part in parts for name, field in part.get("properties", {}).items()]
    assert [name for name, field in fields if "description" not in field] == []
    assert json.dumps(schema)


@pytest.mark.parametrize("path", sorted((REPOSITORY / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_schema_accepts_every_config_that_ships(path: Path) -> None:
    jsonschema.validate(read_yaml(path).value, spec_schema())


@pytest.mark.parametrize(
    "change",
    [
        {"grader": {"type": "lambdas"}},
        {"grader": {"type": "string_check", "name": "g"}},
        {"grader": {"type": "python", "name": "g"}},
        {
            "grader": {
                "type": "string_check",
                "name": "g",
                "input": "a",
                "reference": "b",
                "operation": "equals",
            }
        },
        {"grader": {"type": "multi", "graders": {"a": {"type": "nope"}}, "calculate_output": "a"}},
        {"hyperparameters": {"n_epochs": 51}},
        {"targets": {"azure": {"modle": "x"}}},
        {"targets": {"azure": {"hyperparameters": {"batch_size": 0}}}},
    ],
)
def test_an_editor_marks_what_validation_refuses(change: dict[str, Any]) -> None:
    value = {**parse_yaml(SPEC, Path("spec.yaml")).value, **change}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value, spec_schema())


def test_the_editors_graders_are_those_of_the_graders_own_checks() -> None:
    from rftctl.graders import GRADER_TYPES

    assert set(GRADERS) == set(GRADER_TYPES)


@pytest.mark.parametrize("kind", GRADERS)
def test_the_editors_keys_are_those_of_the_graders_own_checks(kind: str) -> None:
    _, required, optional = GRADERS[kind]
    wanted = {"input" if key == "messages" else key for key in required}
    missing = check_grader({"type": kind}, lambda keys: Place("spec.yaml"))
    named = {
        f.message.partition("has no '")[2][:-1] for f in missing if f.code == "RFT302" and f.level == "error"
    }
    assert wanted == named
    everything = dict.fromkeys((*wanted, *optional), None) | {"type": kind}
    assert "RFT304" not in {f.code for f in check_grader(everything, lambda keys: Place("spec.yaml"))}


def test_the_editors_choices_are_those_of_the_graders() -> None:
    from rftctl.graders.similarity import METRICS
    from rftctl.graders.string_check import OPERATIONS

    keys = json.dumps(spec_schema())
    assert all(f'"{name}"' in keys for name in (*METRICS, *OPERATIONS))


def test_no_title_hides_a_description_in_the_editor() -> None:
    assert "Max Usd" not in json.dumps(spec_schema())


def test_a_secret_in_a_setting_is_refused_like_one_in_the_file(folder: Path) -> None:
    findings = findings_of(folder / "spec.yaml", overrides={"suffix": "sk-proj-0123456789abcdefghijklmn"})
    assert [(f.code, f.place.path) for f in findings] == [("RFT136", "--set suffix")]


def test_a_file_that_lies_beside_the_spec_is_named(folder: Path) -> None:
    (finding,) = findings_of(changed(folder, "train.jsonl", "data/train.jsonl"))
    assert (finding.code, finding.hint.startswith("did you mean 'train.jsonl'?")) == ("RFT130", True)


def test_a_file_one_folder_below_the_spec_is_named(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "train.jsonl").rename(folder / "data" / "train.jsonl")
    (finding,) = findings_of(folder / "spec.yaml")
    assert finding.hint.startswith("did you mean 'data/train.jsonl'?")


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("n_epochs: 1", "n_epochs: 2.5", "write 2 or 3"),
        ("version: 1", 'version: "1"', "write 1 without quotes"),
    ],
)
def test_the_way_out_of_a_wrong_value_is_the_value(folder: Path, old: str, new: str, hint: str) -> None:
    assert [finding.hint for finding in findings_of(changed(folder, old, new))] == [hint]


def test_the_start_of_a_name_is_enough_to_suggest_it() -> None:
    assert (
        suggest("o4-mini", ["gpt-5-2025-08-07", "o4-mini-2025-04-16"]) == "did you mean 'o4-mini-2025-04-16'?"
    )


def test_a_fault_in_a_graders_file_stands_at_the_key_that_names_it(folder: Path) -> None:
    place = load(folder).place("grader", "source")
    assert (place.line, place.column) == (6, 46)


def test_every_file_is_listed_those_of_targets_too(folder: Path) -> None:
    (folder / "more.jsonl").write_text("{}\n")
    changed(folder, "suffix: null", "suffix: null, training_file: more.jsonl")
    files = files_of(draft_spec(folder / "spec.yaml"))
    assert [path.name for path in files.rows] == ["train.jsonl", "more.jsonl"]
    assert [path.name for path in files.texts] == ["grader.py"]
