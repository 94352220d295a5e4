"""Findings for people: order, blocks, the quoted line and the mark below its column."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from rftctl.report.findings import group, verdict
from rftctl.report.tables import show_report
from tests.report.conftest import make_terminal, shown
from tests.report.findings_example import EVIL, FAILED, make_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rftctl.commands.validate import ValidationReport


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ValidationReport:
    monkeypatch.chdir(tmp_path)
    return make_report(tmp_path)


def test_findings_as_one_line_each(report: ValidationReport, matches: Callable[[str], None]) -> None:
    terminal = make_terminal()
    show_report(report, terminal)
    matches(shown(terminal))


def test_findings_on_a_terminal(report: ValidationReport, matches: Callable[[str], None]) -> None:
    terminal = make_terminal(is_tty=True)
    terminal.err.no_color = terminal.out.no_color = True
    show_report(report, terminal)
    text = shown(terminal).replace("\x1b[1m", "").replace("\x1b[2m", "").replace("\x1b[0m", "")
    matches(text.replace("\x1b[1;2m", ""))


def test_errors_come_first_and_notes_last(report: ValidationReport) -> None:
    levels = [str(block.first.level) for block in group(report.findings)]
    assert levels == sorted(levels, key=["error", "warning", "note"].index)


def test_one_fault_in_many_lines_is_one_block(report: ValidationReport) -> None:
    (block,) = [block for block in group(report.findings) if block.first.code == "RFT204"]
    assert [place.line for place in block.others] == [2, 3]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_mark_stands_below_the_column(report: ValidationReport, encoding: str, width: int) -> None:
    terminal = make_terminal(encoding=encoding, width=width)
    show_report(report, terminal)
    lines = shown(terminal).splitlines()
    marks = [at for at, line in enumerate(lines) if line.strip(" |") == "^"]
    signs = {lines[at - 1].rstrip()[_index(lines[at - 1], lines[at].index("^")) :][:6] for at in marks}
    assert {"BROKEN", "gpt-9"} <= signs


def _index(line: str, cells: int) -> int:
    return next(at for at in range(len(line) + 1) if cell_len(line[:at]) >= cells)


@pytest.mark.parametrize("width", [40, 80])
def test_quoted_lines_fit_the_terminal(report: ValidationReport, width: int) -> None:
    terminal = make_terminal(width=width, is_tty=True)
    terminal.err.no_color = True
    show_report(report, terminal)
    quoted = [line for line in shown(terminal).splitlines() if " | " in line]
    assert quoted
    assert all(cell_len(line.replace("\x1b[2m", "").replace("\x1b[0m", "")) <= width for line in quoted)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_nothing_in_a_quote_or_a_message_acts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.chdir(tmp_path)
    terminal = make_terminal(encoding=encoding)
    show_report(make_report(tmp_path, text=EVIL), terminal)
    assert not set(shown(terminal)) & set("\x1b\r\u202e")


def test_a_provider_that_failed_is_said(report: ValidationReport) -> None:
    terminal = make_terminal()
    show_report(replace(report, online=FAILED), terminal)
    text = shown(terminal)
    assert "error: azure was not reached\nhint: check the network" in text
    assert "asked 'azure' about access, then it failed" in text


def test_the_verdict_counts_what_the_baseline_accepts(report: ValidationReport) -> None:
    assert "1 warning, 5 accepted by the baseline" in verdict(replace(report, n_accepted=5)).plain
