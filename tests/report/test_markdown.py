"""Markdown: a table that no text can break, and nothing in it links, runs or calls a person."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rftctl.errors import UsageError
from rftctl.report.markdown import code_block, escape, markdown
from rftctl.text import one_line
from tests.conftest import run_rftctl, write_tiny_spec
from tests.report.examples import REPORTS, make_grading
from tests.report.findings_example import EVIL, FAILED, make_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_summary_of_findings(folder: Path, matches: Callable[[str], None]) -> None:
    matches(markdown(make_report(folder, online=FAILED)))


def test_a_summary_of_grades(matches: Callable[[str], None]) -> None:
    matches(markdown(make_grading()))


def test_hostile_text_stays_in_its_cell(folder: Path) -> None:
    text = markdown(make_report(folder, text=EVIL))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {5}
    assert not re.search(r"<(?!br>)|@|`|\]\(|://|\x1b|\u202e", text)


def test_hostile_outputs_of_a_model_do_nothing() -> None:
    text = markdown(make_grading(EVIL))
    assert not re.search(r"<|@|`|\]\(|://|\x1b|\u202e", text)


@given(st.text(max_size=80))
def test_escaped_text_reads_as_it_was(text: str) -> None:
    escaped = escape(text)
    assert html.unescape(escaped) == one_line(text, limit=400)
    assert not set(escaped) & set("|`<>@[]*_\n")


@given(st.text(alphabet="`a\n", max_size=30))
def test_a_block_cannot_be_closed_from_inside(text: str) -> None:
    fence, *inside, last = code_block(text).split("\n")
    assert fence == last
    assert all(fence not in line for line in inside)


def test_a_report_without_this_form_is_refused() -> None:
    with pytest.raises(UsageError, match="no Markdown form"):
        markdown(REPORTS["estimate"])


@pytest.mark.parametrize("command", ["validate", "grade"])
def test_the_commands_write_a_summary(command: str, tmp_path: Path) -> None:
    spec = write_tiny_spec(tmp_path)
    done = run_rftctl(command, str(spec), "--format", "markdown", home=tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"### ✅ rftctl {command} ")
