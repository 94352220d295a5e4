"""Showing a command while it works.

In: a command's updates. Out: its report; on a terminal a progress bar or a live curve on stderr,
elsewhere one plain line per stage and step.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.text import Text

from rftctl.commands.updates import CurveUpdate, Note, Progress, Stage, StageReport
from rftctl.report.chart import draw_curve, legend
from rftctl.report.tables import show_report
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType

    from rich.console import RenderableType
    from rich.progress import TaskID

    from rftctl.report.console import Terminal

Report = TypeVar("Report")
PLAIN_PROGRESS_EVERY_S = 10.0


def follow(command: Generator[object, None, Report], terminal: Terminal) -> Report:
    """Run a command to its report and show its updates."""
    with _View(terminal) as view:
        while True:
            try:
                update = next(command)
            except StopIteration as end:
                report: Report = end.value
                return report
            view.show(update)


class _View:
    """What is on stderr now: at most one live area, replaced when the kind of update changes."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.live: Live | None = None
        self.bars: Bars | None = None
        self.tasks: dict[str, TaskID] = {}
        self.said_at: dict[str, float] = {}
        self.last_step = -1
        self.message = ""

    def __enter__(self) -> _View:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def show(self, update: object) -> None:
        match update:
            case Note():
                self.terminal.say(update.message, update.level)
            case Progress():
                self._progress(update)
            case CurveUpdate():
                self._curve(update)
            case Stage():
                self.clear()
                self._heading(update.name)
            case StageReport() if not self.terminal.as_json:
                self.clear()
                show_report(update.report, self.terminal, brief=True)
            case _:
                pass

    def clear(self) -> None:
        if self.live is not None:
            self.live.stop()
        self.live, self.bars, self.tasks = None, None, {}

    def _heading(self, name: str) -> None:
        if not self.terminal.quiet and not self.terminal.as_json:
            self.terminal.err.print(Text(f"\n{name}", style="bold"))

    def _progress(self, update: Progress) -> None:
        if not self.terminal.is_live:
            self._plain_progress(update)
            return
        if self.bars is None:
            self.clear()
            self.bars = Bars(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=self.terminal.err,
            )
            self._start(self.bars)
        if update.stage not in self.tasks:
            self.tasks[update.stage] = self.bars.add_task(
                one_line(update.stage, limit=40), total=update.total
            )
        self.bars.update(self.tasks[update.stage], completed=update.done, total=update.total)

    def _plain_progress(self, update: Progress) -> None:
        now = time.monotonic()
        is_last = update.total is not None and update.done >= update.total
        if is_last or now - self.said_at.get(update.stage, now - 1e9) >= PLAIN_PROGRESS_EVERY_S:
            self.said_at[update.stage] = now
            total = f"/{update.total}" if update.total is not None else ""
            self.terminal.say(f"{update.stage}: {update.done}{total} {update.detail}".rstrip())

    def _curve(self, update: CurveUpdate) -> None:
        if self.terminal.as_json:
            if self.terminal.streams:
                self.terminal.document(update.to_json())
            return
        if self.terminal.is_live:
            picture = _picture(update, self.terminal)
            if self.live is None or self.bars is not None:
                self.clear()
                self.live = self._start(picture)
            else:
                self.live.update(picture, refresh=True)
            return
        if update.message != self.message:
            self.message = update.message
            self.terminal.say(update.message)
        for point in update.curve.points:
            if point.step > self.last_step and point.split == "train":
                self.terminal.say(_step_line(update, point.step))
        self.last_step = update.curve.last_step

    def _start(self, shown: RenderableType) -> Live:
        self.live = Live(shown, console=self.terminal.err, auto_refresh=self.bars is not None, transient=True)
        self.live.start()
        return self.live


def _picture(update: CurveUpdate, terminal: Terminal) -> Group:
    curve, job = update.curve, update.job
    width = min(terminal.err.width, 100)
    drawn = draw_curve(curve, width=width, height=14, ascii_only=terminal.ascii_only)
    head = Text.assemble(
        (update.run.run_id, "bold"), f"  {job.status}  {_step_line(update, curve.last_step)}"
    )
    message = Text(one_line(update.message, limit=2 * width), style="dim")
    if not drawn:
        return Group(head, message)
    return Group(head, Text.from_ansi(drawn), legend(ascii_only=terminal.ascii_only), message)


def _step_line(update: CurveUpdate, step: int) -> str:
    parts = [f"step {step}/{update.curve.total_steps or '?'}"]
    for split, name in (("train", "training reward"), ("valid", "validation reward")):
        found = [p for p in update.curve.split(split) if p.step == step]
        if found:
            parts.append(f"{name} {found[0].reward_mean:.3f}")
            if found[0].zero_spread_share:
                parts.append(f"{found[0].zero_spread_share:.0%} of groups without spread")
            if found[0].truncated_share:
                parts.append(f"{found[0].truncated_share:.0%} truncated")
    return ", ".join(parts)
