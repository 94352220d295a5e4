"""`validate --resolved`: one spec, the origin of each value, and it loads to the same spec."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rftctl.commands.resolve import ResolvedReport, resolve
from rftctl.errors import InvalidInputError
from rftctl.home import Home
from rftctl.spec import load_spec
from rftctl.spec.resolved import _written
from rftctl.strict_yaml import parse_yaml
from tests.conftest import REPOSITORY, TINY_SPEC, read_json, run_rftctl, write_tiny_spec

PATH = Path("spec.yaml")
SPEC = (
    TINY_SPEC
    + """\
suffix: mine
metadata: {team: "a: b # c", note: 'yes'}
watch: {rules: [{when: plateau}]}
targets:
  azure:
    provider: azure
    model: o4-mini-2025-04-16
    suffix: null
    hyperparameters: {n_epochs: 3, batch_size: auto}
"""
)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return write_tiny_spec(tmp_path / "project", SPEC)


def resolved(spec: Path, **options: object) -> ResolvedReport:
    return resolve(spec, home=Home(spec.parent / "home"), **options)  # type: ignore[arg-type]


def comments(report: ResolvedReport) -> dict[str, str]:
    return {".".join(map(str, value.keys)): value.comment for value in report.values}


@pytest.mark.parametrize("target", [None, "azure"])
def test_what_is_printed_loads_to_the_same_spec(spec: Path, target: str | None) -> None:
    report = resolved(spec, target=target, overrides={"hyperparameters.eval_samples": "2"})
    copy = spec.with_name("resolved.yaml")
    copy.write_text(report.text)
    original = load_spec(spec, target=target, overrides={"hyperparameters.eval_samples": "2"})
    loaded = load_spec(copy)
    assert loaded.sha256 == original.sha256 == report.sha256
    # A default written out would count as set, and go to providers that do not know the key.
    assert loaded.spec.hyperparameters.model_fields_set == original.spec.hyperparameters.model_fields_set


@pytest.mark.parametrize("name", [path.name for path in sorted((REPOSITORY / "configs").glob("*.yaml"))])
def test_every_config_that_ships_loads_to_itself(name: str, tmp_path: Path) -> None:
    for folder in ("configs", "samples"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    (tmp_path / ".git").mkdir()
    path = tmp_path / "configs" / name
    report = resolve(path, home=Home(tmp_path))
    path.write_text(report.text)
    assert load_spec(path).sha256 == report.sha256


def test_each_value_says_what_decided_it(spec: Path) -> None:
    found = comments(resolved(spec, target="azure", overrides={"seed": "7"}))
    assert found["name"].endswith("spec.yaml:2:7")
    assert found["hyperparameters.n_epochs"].startswith("target, ")
    assert found["seed"] == "--set seed"
    assert found["budget.on_limit"] == "default"


def test_a_value_that_the_target_takes_away_is_said(spec: Path) -> None:
    assert (
        comments(resolved(spec, target="azure"))["suffix"]
        == "default; the target takes the spec's value away"
    )


def test_auto_says_what_the_providers_profile_says(spec: Path) -> None:
    found = comments(resolved(spec, target="azure"))["hyperparameters.batch_size"]
    assert "azure chooses, 1 to 256 (learn.microsoft.com" in found


def test_a_hyperparameter_the_provider_does_not_document_is_said(spec: Path) -> None:
    found = comments(resolved(spec, overrides={"provider": "bedrock", "model": "qwen.qwen3-32b"}))
    assert "bedrock does not document it" in found["hyperparameters.compute_multiplier"]


def test_a_secret_is_never_printed(spec: Path) -> None:
    report = resolved(spec, overrides={"metadata.api_key": "hunter2hunter2"})
    assert "hunter2" not in report.text + str(report.to_json())
    assert comments(report)["metadata.api_key"] == "--set metadata.api_key"


def test_a_key_in_a_setting_is_refused_without_being_shown(spec: Path) -> None:
    key = "sk-proj-0123456789abcdefghijklmn"
    with pytest.raises(InvalidInputError) as caught:
        resolved(spec, overrides={"metadata.k": key})
    assert [f.code for f in caught.value.findings] == ["RFT136"]
    assert key not in str(caught.value) + str([f.to_json() for f in caught.value.findings])


def test_a_spec_that_is_not_valid_is_refused(spec: Path) -> None:
    spec.write_text(SPEC.replace("seed:", "sede:"))
    with pytest.raises(InvalidInputError):
        resolved(spec)


def test_code_stays_readable(tmp_path: Path) -> None:
    source = "def grade(sample, item):\n    return 1.0  # all are right\n"
    lines = "".join(f"    {line}\n" for line in source.splitlines())
    head = "version: 1\nname: a\nprovider: local\nmodel: tiny-random\ntraining_file: train.jsonl\n"
    text = f"{head}grader:\n  type: python\n  source: |\n{lines}"
    spec = write_tiny_spec(tmp_path, text)
    report = resolved(spec)
    assert "  source: |" in report.text
    assert parse_yaml(report.text, spec).value["grader"]["source"] == source


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text_is_read_back_as_it_was(text: str) -> None:
    first, *rest = _written(text, "  ")
    assert parse_yaml("\n".join([f"key: {first}", *rest, "end: 1"]), PATH).value == {
        "key": text,
        "end": 1,
    }


@given(
    st.one_of(st.integers(-(10**18), 10**18), st.floats(allow_nan=False, allow_infinity=False), st.booleans())
)
def test_any_number_is_read_back_as_it_was(value: float) -> None:
    (text,) = _written(value, "")
    assert parse_yaml(f"key: {text}", PATH).value == {"key": value}


def test_the_command_prints_yaml_and_json(spec: Path, tmp_path: Path) -> None:
    text = run_rftctl("validate", str(spec), "--resolved", home=tmp_path / "h")
    document = read_json(run_rftctl("validate", str(spec), "--resolved", "--json", home=tmp_path / "h"))
    assert (text.returncode, text.stderr) == (0, "")
    assert text.stdout == document["yaml"]
    assert {"keys", "value", "origin", "place", "note"} == set(document["values"][0])


def test_it_goes_without_other_forms(spec: Path, tmp_path: Path) -> None:
    done = run_rftctl("validate", str(spec), "--resolved", "--strict", home=tmp_path / "h")
    assert (done.returncode, "goes without --strict" in done.stderr) == (2, True)
