"""The terminal: errors as one line and a way out, or as one document; results and progress kept apart."""

from __future__ import annotations

import json

import pytest

from rftctl.errors import InvalidInputError, ProviderError, UsageError
from rftctl.finding import Finding, Level, Place
from tests.report.conftest import make_terminal, shown
from tests.report.examples import HOSTILE

FINDING = Finding(
    "RFT420", Level.ERROR, Place("spec.yaml", 14, 9), "grader.type 'lambda' is not offered", "use bedrock"
)


def test_an_error_is_a_line_and_its_hint() -> None:
    terminal = make_terminal()
    terminal.error(UsageError("there is no run 'x'", "rftctl runs lists them"))
    assert shown(terminal) == "--- stderr\nerror: there is no run 'x'\nhint: rftctl runs lists them\n"


def test_an_error_without_a_hint_is_one_line() -> None:
    terminal = make_terminal()
    terminal.error(ProviderError("no"))
    assert shown(terminal) == "--- stderr\nerror: no\n"


def test_findings_stand_in_place_of_the_message_with_their_place() -> None:
    terminal = make_terminal()
    terminal.error(InvalidInputError("the spec is not valid", findings=[FINDING]))
    expected = "spec.yaml:14:9: error RFT420 grader.type 'lambda' is not offered\nhint: use bedrock\n"
    assert shown(terminal) == "--- stderr\n" + expected


def test_a_long_line_is_not_broken_so_that_editors_can_follow_it() -> None:
    terminal = make_terminal(width=40)
    terminal.finding(FINDING)
    assert shown(terminal).splitlines()[1].endswith("is not offered")


def test_as_json_an_error_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = make_terminal(as_json=True)
    terminal.error(InvalidInputError("no", "way out", findings=[FINDING]))
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["exit_code"], document["hint"]) == ("rftctl.error/1", 3, "way out")
    assert document["findings"][0]["line"] == 14
    assert document["findings"][0]["path"] == "spec.yaml"
    assert shown(terminal) == ""


def test_a_document_is_ascii_so_that_no_terminal_acts_on_it(capsys: pytest.CaptureFixture[str]) -> None:
    make_terminal(as_json=True).document({"text": HOSTILE + "世界"})
    out = capsys.readouterr().out
    assert out.isascii()
    assert "\x1b" not in out
    assert json.loads(out)["text"] == HOSTILE + "世界"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_hostile_words_are_shown_and_do_nothing(encoding: str) -> None:
    terminal = make_terminal(encoding=encoding)
    terminal.say(HOSTILE)
    terminal.error(ProviderError(HOSTILE, HOSTILE))
    terminal.finding(Finding("RFT101", Level.ERROR, Place(HOSTILE, 1), HOSTILE, HOSTILE))
    assert not set(shown(terminal)) & set("\x1b\x07\r\u202e")
    assert "[/x]" in shown(terminal)


def test_a_quiet_terminal_still_warns() -> None:
    terminal = make_terminal(quiet=True)
    terminal.say("progress")
    terminal.say("look out", "warning")
    assert shown(terminal) == "--- stderr\nwarning: look out\n"


@pytest.mark.parametrize(
    ("is_tty", "options", "live"),
    [(True, {}, True), (True, {"quiet": True}, False), (False, {}, False), (True, {"as_json": True}, False)],
)
def test_only_a_person_gets_moving_pictures(is_tty: bool, options: dict[str, bool], live: bool) -> None:
    assert make_terminal(is_tty=is_tty, **options).is_live is live
