"""Updates while a command works: pictures for a person, plain lines for a log, nothing among JSON."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from rftctl.commands.updates import CurveUpdate, Note, Progress, Stage, StageReport
from rftctl.report.live import follow
from tests.report.conftest import make_terminal, shown
from tests.report.examples import ESTIMATE, FREE, HOSTILE, make_curve, make_job, make_run

if TYPE_CHECKING:
    from collections.abc import Generator

    import pytest


def working(*updates: object) -> Generator[object, None, str]:
    yield from updates
    return "report"


def curve_update(text: str = "") -> CurveUpdate:
    return CurveUpdate(make_run(), make_job("running", text=text), make_curve(), FREE)


def test_the_report_of_the_command_comes_back() -> None:
    assert follow(working(Note("hello")), make_terminal()) == "report"


def test_a_log_gets_one_plain_line_per_stage_and_step() -> None:
    terminal = make_terminal()
    follow(working(Stage("watch"), Note("look", "warning"), curve_update(), curve_update()), terminal)
    lines = [line for line in shown(terminal).splitlines() if line.strip()]
    steps = [line for line in lines if line.startswith("step ")]
    assert len(steps) == 8
    assert steps[3] == "step 4/8, training reward 0.400, validation reward 0.350"
    assert "watch" in lines
    assert "warning: look" in lines
    assert "\x1b" not in shown(terminal)


def test_a_log_is_not_flooded_by_progress() -> None:
    terminal = make_terminal()
    follow(working(*[Progress("rows", n, 1000) for n in range(1, 1001)]), terminal)
    assert shown(terminal).splitlines()[-1] == "rows: 1000/1000"
    assert len(shown(terminal).splitlines()) <= 4


def test_a_person_gets_a_picture_that_is_cleared_away() -> None:
    terminal = make_terminal(is_tty=True)
    follow(working(Progress("rows", 1, 2), curve_update(), Progress("rows", 2, 2), curve_update()), terminal)
    assert "step 8/8" in shown(terminal)


def test_a_command_that_fails_leaves_the_cursor_visible() -> None:
    def failing() -> Generator[object, None, None]:
        yield curve_update()
        raise ValueError("no")

    terminal = make_terminal(is_tty=True)
    with contextlib.suppress(ValueError):
        follow(failing(), terminal)
    assert shown(terminal).rfind("\x1b[?25h") > shown(terminal).rfind("\x1b[?25l")


def test_as_json_nothing_but_documents_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = make_terminal(as_json=True, streams=True)
    follow(working(Stage("watch"), curve_update(), StageReport("cost", ESTIMATE)), terminal)
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["schema"] for line in lines] == ["rftctl.watch/1"]
    assert shown(terminal) == ""


def test_hostile_updates_do_nothing() -> None:
    for is_tty in (True, False):
        terminal = make_terminal(is_tty=is_tty)
        follow(working(Note(HOSTILE), Progress(HOSTILE, 1, 2, HOSTILE), curve_update(HOSTILE)), terminal)
        assert "\x1b[2J" not in shown(terminal)
        assert "\x07" not in shown(terminal)
        assert "\u202e" not in shown(terminal)
