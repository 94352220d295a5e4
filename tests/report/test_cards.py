"""A report card at width 80: every figure it promises, and nothing that a terminal acts on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from rftctl.commands.draft import DraftReport
from rftctl.commands.parity import ParityReport, ParityRow
from rftctl.commands.report_card import FamilyResult, ReportCard
from rftctl.graders.figures import PartialCredit, Repeat, Spread, SubGrader, SubGraders, Times
from rftctl.report.junit import junit
from rftctl.report.tables import show_report
from tests.report.conftest import make_terminal, shown
from tests.report.examples import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable


def family(name: str, reward: float, paid: float, *, good: bool = False, text: str = "") -> FamilyResult:
    return FamilyResult(name + text, good, 50, 0, reward, paid, paid, paid, f"an output{text}")


def make_card(text: str = "", *, judge: bool = False) -> ReportCard:
    """Make the card of a multi that pays length; `text` stands wherever a user's text may."""
    parts = SubGraders(
        (SubGrader(f"exact{text}", 0.31, 0.62, 0.2), SubGrader("close", 0.47, 1.0, 0.97)),
        ((f"exact{text}", "close", 0.61),),
        "close",
    )
    return ReportCard(
        grader="both",
        verdict="gameable",
        reason="right beats wrong on 50 of 50 rows (95% interval 0.93 to 1.00), but it pays: right or wrong",
        n_rows=50,
        discrimination=1.0,
        discrimination_low=0.93,
        discrimination_high=1.0,
        flip_share=0.0,
        families=(
            family("right answer", 1.0, 1.0, good=True, text=text),
            family("nothing", 0.0, 0.0),
            family("right or wrong", 0.62, 0.4, text=text),
        ),
        spread=Spread(0.61, 0.12, 17),
        partial=PartialCredit(50, (0.02, 0.27, 0.51, 0.74, 1.0), 0.98, 0.0),
        repeat=Repeat(100, 0.04, 0.97, 0.013, judge),
        parts=parts,
        times=Times(0.0042, 0.0081, 1.25, 120.0, 0),
        notes=(f"grader 'close' alone decides the order of outputs{text}",),
    )


@pytest.mark.parametrize("kind", ["card", "card_of_a_judge", "card_in_ascii"])
def test_report(kind: str, matches: Callable[[str], None]) -> None:
    terminal = make_terminal(encoding="ascii" if kind == "card_in_ascii" else "utf-8")
    show_report(make_card(judge=kind == "card_of_a_judge"), terminal)
    matches(shown(terminal))


def test_every_line_of_a_card_fits_80_columns() -> None:
    terminal = make_terminal()
    show_report(make_card("x" * 200), terminal)
    assert max(len(line) for line in shown(terminal).splitlines()) <= 80


def test_a_weakness_is_marked_without_colour_and_stands_before_what_holds() -> None:
    terminal = make_terminal()
    show_report(make_card(), terminal)
    lines = [line for line in shown(terminal).splitlines() if "an output" in line]
    assert [line.split("  ")[0] for line in lines] == ["right answer", "right or wrong", "nothing"]
    assert "40% !" in lines[1]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_hostile_text_of_a_card_does_nothing(encoding: str) -> None:
    terminal = make_terminal(encoding=encoding)
    draft = DraftReport({"type": "python", "source": HOSTILE}, {f"f{HOSTILE}": "text"}, make_card(HOSTILE))
    show_report(draft, terminal)
    assert not set(shown(terminal)) & set("\x1b\x07\r\u202e\u202c\x9b")


def test_a_draft_that_is_refused_says_so() -> None:
    terminal = make_terminal()
    show_report(DraftReport({"type": "string_check"}, {"answer": "text"}, make_card()), terminal)
    assert "refused as a draft" in shown(terminal)
    sound = replace(make_card(), verdict="sound")
    terminal = make_terminal()
    show_report(DraftReport({"type": "string_check"}, {"answer": "text"}, sound), terminal)
    assert "refused" not in shown(terminal)
    assert "compared: answer (text)" in shown(terminal)


def test_a_card_in_ci_fails_for_each_kind_of_bad_output_that_it_pays() -> None:
    suite = ElementTree.fromstring(junit(make_card()))
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert failed == ["right or wrong", "verdict"]
    assert (suite.get("tests"), suite.get("failures")) == ("4", "2")


def test_parity_in_ci_fails_for_each_difference() -> None:
    row = ParityRow(3, 1.0, 0.0, (), ("other_error",))
    suite = ElementTree.fromstring(junit(ParityReport(5, 0, (row,))))
    assert (suite.get("tests"), suite.get("failures"), len(suite)) == ("5", "1", 5)
    nothing = ElementTree.fromstring(junit(ParityReport(0, 2, ())))
    assert (nothing.get("tests"), nothing.get("errors")) == ("1", "1")
