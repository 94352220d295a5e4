"""The corpus of broken files: each gives the code in its name, at the line and column written down for it.

A spec says it in its first comment lines (`# expect: 14:3 also RFT402`, `# target: azure`, ...), other files
in the `expected.yaml` beside them. The place is that of the wrong value or key; "" is the whole file.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from rftctl.commands.data_rules import data_rules
from rftctl.commands.explain import explanations
from rftctl.commands.updates import finish
from rftctl.commands.validate import ValidationReport, validate
from rftctl.dataset.check import DataRules, check_dataset
from rftctl.dataset.log import FindingLog
from rftctl.dataset.tokens import TokenRules
from rftctl.errors import InvalidInputError
from rftctl.finding import Finding, Level
from rftctl.graders.cases import read_cases
from rftctl.home import Home, open_home
from rftctl.profiles import load_profile, load_profiles
from rftctl.strict_yaml import read_yaml
from rftctl.template import parse_template

BROKEN = Path(__file__).parent / "broken"
TODAY = date(2026, 11, 22)
AT_LEAST = 120
OPTION = re.compile(r"# (expect|target|set|today|home): (.*)\n")
NO_FILE = {
    "RFT100": "the file is absent: test_commands",
    "RFT200": "for the spec's part of it",
    "RFT208": "a line of 16 MiB is made on the fly, below",
    "RFT233": "needs two splits: test_dataset",
    "RFT355": "kept so that the code is never reused",
    "RFT340": "a source of 256 kB is made on the fly, below",
    **dict.fromkeys(("RFT151", "RFT152"), "a baseline: tests/commands/test_baseline"),
    **dict.fromkeys((f"RFT45{n}" for n in range(3)), "a plan and its job: tests/commands"),
    **dict.fromkeys((f"RFT44{n}" for n in range(7)), "a provider's answer: tests/commands/test_online"),
}
"""Codes that no small file can give, and where they are shown instead."""


def expected(folder: str) -> dict[str, dict[str, Any]]:
    return read_yaml(BROKEN / folder / "expected.yaml").value  # type: ignore[no-any-return]


def spec_options(path: Path) -> dict[str, str]:
    """Read the comment lines at the head of a broken spec, or its entry where it cannot hold any."""
    head = path.read_bytes()[:500].decode(errors="replace")
    options: dict[str, str] = {}
    while match := OPTION.match(head):
        options[match[1]] = match[2].strip()
        head = head[match.end() :]
    return options or {"expect": expected("specs")[path.stem]["at"]}


def check_spec(path: Path, options: dict[str, str]) -> ValidationReport:
    home = Home(BROKEN / "specs" / options.get("home", "no-home"))
    settings = dict([options["set"].split("=", 1)]) if "set" in options else {}
    day = date.fromisoformat(options.get("today", str(TODAY)))
    return finish(validate(path, target=options.get("target"), overrides=settings, today=day, home=home))


def place_of(finding: Finding) -> str:
    """Write a place as the corpus does: line:column, line, or "" for the whole file."""
    parts = (finding.place.line, finding.place.column)
    return ":".join(str(part) for part in parts if part is not None)


def places(findings: list[Finding], code: str) -> set[str]:
    return {place_of(finding) for finding in findings if finding.code == code}


def rules_of(entry: dict[str, Any]) -> DataRules:
    profile = load_profile(entry["provider"]) if "provider" in entry else None
    return DataRules(
        rows=data_rules({}, profile, "training").rows,
        reads=parse_template(entry.get("reads", "")).paths,
        fields=tuple(entry.get("fields", ())),
        tokens=TokenRules(context_tokens=entry.get("context")),
        **entry.get("rules", {}),
    )


def refused(read: Any) -> list[Finding]:
    with pytest.raises(InvalidInputError) as caught:
        read()
    return list(caught.value.findings)


SPECS = sorted(path.stem for path in (BROKEN / "specs").glob("RFT*.yaml"))
DATA = expected("data")
CASES = expected("cases")
HOMES = sorted(path.name for path in (BROKEN / "homes").iterdir())


@pytest.mark.parametrize("name", SPECS)
def test_a_broken_spec_gives_its_code_at_its_place_and_no_other_error(name: str) -> None:
    path, code = BROKEN / "specs" / f"{name}.yaml", name[:6]
    options = spec_options(path)
    at, _, also = options["expect"].partition(" also ")
    report = check_spec(path, options)
    assert at in places(list(report.findings), code)
    errors = {finding.code for finding in report.findings if finding.level is Level.ERROR}
    assert errors <= {code, *also.split()}
    assert [finding.code for finding in report.findings if not finding.hint] == []


@pytest.mark.parametrize("name", DATA)
def test_a_broken_dataset_gives_its_code_at_its_place_and_no_other(name: str) -> None:
    entry, log = DATA[name], FindingLog()
    path = BROKEN / "data" / f"{name}.jsonl"
    finish(check_dataset(path, split="training", log=log, rules=rules_of(entry)))
    assert {finding.code for finding in log.kept} == {name[:6], *entry.get("also", ())}
    assert entry["at"] in places(list(log.kept), name[:6])
    assert {finding.level for finding in log.kept} == {Level(entry.get("level", "error"))}
    assert all(finding.hint for finding in log.kept)


@pytest.mark.parametrize("name", CASES)
def test_a_broken_cases_file_gives_its_code_at_its_place(name: str) -> None:
    rows = BROKEN / "specs" / "files" / "train.jsonl"
    findings = refused(lambda: list(read_cases(BROKEN / "cases" / f"{name}.jsonl", rows=rows)))
    assert places(findings, name[:6]) == {CASES[name]["at"]}
    assert all(finding.hint for finding in findings)


@pytest.mark.parametrize("name", HOMES)
def test_a_broken_file_of_the_users_own_gives_its_code_at_its_place(name: str, tmp_path: Path) -> None:
    kind = "config.yaml" if name.startswith("RFT150") else "profiles.yaml"
    shutil.copy(BROKEN / "homes" / name, tmp_path / kind)
    findings = refused(
        lambda: load_profiles(open_home({"RFTCTL_HOME": str(tmp_path)}).profiles),
    )
    assert spec_options(BROKEN / "homes" / name)["expect"] in places(findings, name[:6])
    assert all(finding.hint for finding in findings)


def test_every_file_is_expected() -> None:
    for folder, entries in (("data", DATA), ("cases", CASES)):
        assert {path.stem for path in (BROKEN / folder).glob("*.jsonl")} == set(entries)


def test_the_corpus_is_large_and_no_two_files_are_the_same() -> None:
    for pattern in ("specs/RFT*.yaml", "data/*.jsonl"):
        contents = Counter(path.read_bytes() for path in BROKEN.glob(pattern))
        assert max(contents.values()) == 1
        assert len(contents) >= AT_LEAST


def test_every_code_that_a_file_can_give_has_a_file() -> None:
    shown = {name[:6] for name in (*SPECS, *DATA, *CASES, *HOMES)}
    assert {code for code in explanations() if "RFT100" <= code < "RFT500"} - shown - set(NO_FILE) == set()


def test_a_line_beyond_the_cap_is_named_and_the_next_is_read(tmp_path: Path) -> None:
    good = '{"messages": [{"role": "user", "content": "hi"}]}\n'
    (tmp_path / "rows.jsonl").write_text(good + '"' + "a" * 2**24 + '"\n' + good)
    log = FindingLog()
    report = finish(check_dataset(tmp_path / "rows.jsonl", split="test", log=log))
    assert places(list(log.kept), "RFT208") == {"2:1"}
    assert (report.n_rows, report.n_bad_rows) == (3, 1)


def test_a_grader_source_beyond_the_cap_is_refused_at_its_key(tmp_path: Path) -> None:
    spec = (BROKEN / "specs" / "RFT341-source-file.yaml").read_text()
    shutil.copytree(BROKEN / "specs" / "files", tmp_path / "files")
    (tmp_path / "files" / "unfinished.py").write_text(
        "def grade(sample, item):\n    return 1.0\n" + "#" * 256_000
    )
    (tmp_path / "spec.yaml").write_text(spec)
    report = finish(validate(tmp_path / "spec.yaml", today=TODAY, home=Home(tmp_path)))
    assert places(list(report.findings), "RFT340") == {"11:16"}
