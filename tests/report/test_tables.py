"""Every report at width 80, as it was last looked at; and nothing in it that a terminal acts on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rftctl.report.tables import show_report
from tests.report.conftest import make_terminal, shown
from tests.report.examples import HOSTILE_REPORTS, REPORTS, make_evaluation, make_validation

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("name", REPORTS)
def test_report(name: str, matches: Callable[[str], None]) -> None:
    terminal = make_terminal()
    show_report(REPORTS[name], terminal)
    matches(shown(terminal))


@pytest.mark.parametrize("name", REPORTS)
def test_report_in_ascii(name: str) -> None:
    terminal = make_terminal(encoding="ascii")
    show_report(REPORTS[name], terminal)
    assert shown(terminal).isascii()


@pytest.mark.parametrize("name", ["grading", "watched", "evaluated", "details", "diagnosed"])
def test_a_table_fits_80_columns(name: str) -> None:
    terminal = make_terminal()
    show_report(REPORTS[name], terminal)
    lines = terminal.out.file.text().splitlines()  # type: ignore[attr-defined]
    # Sentences and paths are not broken, so that they can be copied whole.
    tables = [line for line in lines if not line.startswith(("checkpoint:", "difference", "not "))]
    assert [line for line in tables if len(line) > 80] == []


@pytest.mark.parametrize("name", REPORTS)
def test_nothing_is_coloured_without_a_terminal(name: str) -> None:
    terminal = make_terminal()
    show_report(REPORTS[name], terminal)
    assert "\x1b" not in shown(terminal)


@pytest.mark.parametrize("name", HOSTILE_REPORTS)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_hostile_text_is_shown_and_does_nothing(name: str, encoding: str) -> None:
    terminal = make_terminal(encoding=encoding)
    show_report(HOSTILE_REPORTS[name], terminal)
    text = shown(terminal)
    assert not set(text) & set("\x1b\x07\r\u202e\u202c\x9b")
    assert "\\x1b" in text.replace("\n", "").replace(" ", "")


def test_colours_are_used_on_a_terminal() -> None:
    terminal = make_terminal(is_tty=True)
    show_report(make_evaluation(), terminal)
    assert "\x1b[" in shown(terminal)


def test_findings_that_are_not_shown_are_counted() -> None:
    terminal = make_terminal()
    show_report(make_validation(), terminal)
    text = shown(terminal)
    assert "500 errors" in text
    assert "480 more" in text


@pytest.mark.parametrize("verdict", ["better", "worse", "tied"])
def test_the_verdict_stands_at_the_end_of_the_comparison(verdict: str) -> None:
    terminal = make_terminal()
    show_report(make_evaluation(verdict=verdict), terminal)
    assert f"paired over 197 examples: {verdict}" in shown(terminal)
