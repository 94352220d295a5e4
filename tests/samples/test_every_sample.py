"""What holds for every sample: its files, its spec at each target, its grader and its graded outputs."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from rftctl.dataset import read_examples
from rftctl.shipped import shipped_samples
from tests.conftest import read_json, run_rftctl

if TYPE_CHECKING:
    from pathlib import Path

SAMPLES = shipped_samples()
MIN_ROWS = {"train": 300, "validation": 100, "test": 200}
MIN_OUTPUTS = 40
MAX_PAID = 0.2
each_sample = pytest.mark.parametrize("name", sorted(SAMPLES))
EVERY_TARGET = [
    (name, target)
    for name in sorted(SAMPLES)
    for target in (None, *yaml.safe_load(SAMPLES[name].spec.read_text("utf-8")).get("targets", ()))
]


def manifest_of(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((SAMPLES[name].folder / "manifest.json").read_text("utf-8"))
    return document


def readme_of(name: str) -> str:
    return (SAMPLES[name].folder / "README.md").read_text("utf-8")


@each_sample
def test_the_manifest_names_every_file_as_it_is(name: str) -> None:
    for file, sha256 in manifest_of(name)["sha256"].items():
        assert hashlib.sha256((SAMPLES[name].folder / file).read_bytes()).hexdigest() == sha256, file


@each_sample
def test_the_splits_are_as_large_as_promised(name: str) -> None:
    rows = manifest_of(name)["rows"]
    assert {split for split, least in MIN_ROWS.items() if rows[f"{split}.jsonl"] < least} == set()


@each_sample
def test_no_prompt_stands_in_two_splits(name: str) -> None:
    prompts = [
        json.dumps(example.messages)
        for split in MIN_ROWS
        for example in read_examples(SAMPLES[name].folder / f"{split}.jsonl")
    ]
    assert len(prompts) == len(set(prompts))


@each_sample
def test_a_build_without_packages_reproduces_the_files(name: str) -> None:
    if manifest_of(name)["packages"]:
        # Those need their own environment: `make samples` rebuilds them.
        assert (SAMPLES[name].folder / "requirements.txt").is_file()
        return
    command = [sys.executable, str(SAMPLES[name].folder / "build.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "differing: none")


@pytest.mark.parametrize(("name", "target"), EVERY_TARGET)
def test_each_target_is_valid_or_refused_as_its_readme_says(
    name: str, target: str | None, tmp_path: Path
) -> None:
    options = ("--target", target) if target else ()
    done = run_rftctl("validate", str(SAMPLES[name].spec), *options, "--json", home=tmp_path)
    errors = {f["code"] for f in read_json(done)["findings"] if f["level"] == "error"}
    said = target or yaml.safe_load(SAMPLES[name].spec.read_text("utf-8"))["provider"]
    cells = [x.split("|")[2] for x in readme_of(name).splitlines() if x.startswith(f"| {said} ")]
    # What is valid may still be noted of.
    assert not errors or errors == set(re.findall(r"RFT\d{3}", cells[0]))


@pytest.mark.parametrize(("name", "target"), EVERY_TARGET)
def test_every_graded_output_gets_its_reward(name: str, target: str | None, tmp_path: Path) -> None:
    options = ("--target", target) if target else ()
    done = run_rftctl("grade", str(SAMPLES[name].spec), *options, "--json", home=tmp_path)
    report = read_json(done)
    missed = [r["line"] for r in report["results"] if r["passed"] is not True]
    assert (missed, report["summary"]["n"] >= MIN_OUTPUTS) == ([], True)


@each_sample
def test_the_report_card_finds_no_exploit(name: str, tmp_path: Path) -> None:
    done = run_rftctl("grade", str(SAMPLES[name].spec), "--report-card", "--json", home=tmp_path)
    card = read_json(done)
    paid = {f["family"]: f["paid_share"] for f in card["families"] if not f["is_good"]}
    assert (done.returncode, {k: v for k, v in paid.items() if v > MAX_PAID}) == (0, {})


@each_sample
def test_the_readme_gives_no_advice_and_says_so(name: str) -> None:
    assert "Nothing here is" in readme_of(name)
