"""GitHub: one command a line, whatever the text, and the runner reads back what was meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rftctl.errors import UsageError
from rftctl.report.github import command, github
from tests.conftest import run_rftctl, write_tiny_spec
from tests.report.examples import REPORTS, make_grading
from tests.report.findings_example import EVIL, FAILED, make_report

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = re.compile(r"::(?P<name>error|warning|notice)(?: (?P<properties>[^:]*))?::(?P<message>.*)")


def unescape(text: str) -> str:
    """Read a value as the runner does."""
    for code, sign in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(code, sign)
    return text


def parse(line: str) -> tuple[str, dict[str, str], str]:
    match = COMMAND.fullmatch(line)
    assert match, line
    pairs = (part.partition("=") for part in (match["properties"] or "").split(",") if part)
    return match["name"], {key: unescape(value) for key, _, value in pairs}, unescape(match["message"])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_block_is_one_command_at_its_place(folder: Path) -> None:
    commands = [parse(line) for line in github(make_report(folder)).splitlines()]
    name, properties, message = commands[0]
    assert (name, properties) == ("error", {"file": "spec.yaml", "line": "3", "col": "8", "title": "RFT401"})
    assert message == "model 'gpt-9' is not offered\nhint: no"
    assert [name for name, _, _ in commands] == [*["error"] * 5, "warning", "notice", "notice", "error"]


def test_the_verdict_stands_at_the_end(folder: Path) -> None:
    *_, last = github(make_report(folder)).splitlines()
    assert parse(last)[2] == "not valid: 23 errors, 1 warning; training 3 rows"


def test_a_setting_names_no_file(folder: Path) -> None:
    found = next(parse(line) for line in github(make_report(folder)).splitlines() if "RFT126" in line)
    assert "file" not in found[1]
    assert found[2].startswith("--set name.x: ")


def test_paths_start_at_the_repositorys_root(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".git").mkdir()
    (folder / "sub").mkdir()
    monkeypatch.chdir(folder / "sub")
    assert parse(github(make_report(folder / "sub")).splitlines()[0])[1]["file"] == "sub/spec.yaml"


@pytest.mark.parametrize("online", [None, FAILED])
def test_hostile_text_makes_no_command_of_its_own(folder: Path, online: object) -> None:
    lines = github(make_report(folder, text=EVIL, online=online)).splitlines()  # type: ignore[arg-type]
    assert all(parse(line)[0] for line in lines)
    assert not set("".join(lines)) & set("\x1b\r\u202e")


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_read_back_as_it_was(message: str, title: str) -> None:
    line = command("error", message, title=title)
    assert "\n" not in line
    name, rest = line.removeprefix("::").split(" title=", 1)
    shown, _, said = rest.partition("::")
    assert (name, unescape(shown), unescape(said)) == ("error", title, message)


def test_a_grading_annotates_each_miss() -> None:
    commands = [parse(line) for line in github(make_grading()).splitlines()]
    assert commands[-1][1] == {"title": "rftctl grade"}
    assert all(name == "error" for name, _, _ in commands)


def test_a_report_without_this_form_is_refused() -> None:
    with pytest.raises(UsageError, match="no form for GitHub"):
        github(REPORTS["estimate"])


def test_the_command_annotates_and_keeps_its_exit_code(tmp_path: Path) -> None:
    spec = write_tiny_spec(tmp_path)
    spec.write_text(spec.read_text().replace("seed:", "sede:"))
    done = run_rftctl("validate", str(spec), "--format", "github", home=tmp_path / "home")
    assert (done.returncode, done.stderr) == (3, "")
    assert parse(done.stdout.splitlines()[0])[1]["title"] == "RFT120"
