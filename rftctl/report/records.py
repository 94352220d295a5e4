"""What cost, runs and doctor found, as tables.

In: a report. Out: what Rich prints, within 80 columns.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from rftctl.report.cells import make_table
from rftctl.report.chart import draw_curve, legend
from rftctl.text import one_line, safe

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rftctl.commands.doctor import DoctorReport
    from rftctl.commands.runs import RunDetails, RunsReport
    from rftctl.cost import CostEstimate
    from rftctl.report.console import Terminal


def estimate(estimate: CostEstimate, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Say what a run may cost, and on what basis."""
    checked = f" (prices of {estimate.checked_on})" if estimate.checked_on else ""
    price = "price unknown" if estimate.high_usd is None else estimate.describe()
    return [Text.assemble((price, "bold"), f": {estimate.basis}{checked}")]


def runs(report: RunsReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """List runs, newest first."""
    if not report.runs:
        return [Text("no runs yet; start one: rftctl launch SPEC", style="dim")]
    table = make_table("run", "state", "provider", "model", "started")
    for run in report.runs:
        started = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created_at))
        table.add_row(run.run_id, safe(run.state), run.provider, one_line(run.model, limit=30), started)
    return [table]


def details(report: RunDetails, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Lay out one run and its curve."""
    run = report.run
    table = Table(box=None, show_header=False, pad_edge=False)
    for key in ("run_id", "state", "job_id", "provider", "model", "spec_path", "spec_sha256", "git_commit"):
        table.add_row(Text(key, style="dim"), safe(str(getattr(run, key) or "-")))
    parts: list[RenderableType] = [table]
    drawn = draw_curve(
        report.curve, width=min(terminal.out.width, 80), height=12, ascii_only=terminal.ascii_only
    )
    return [*parts, Text.from_ansi(drawn), legend(ascii_only=terminal.ascii_only)] if drawn else parts


def diagnosed(report: DoctorReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Lay out what works here and what is missing."""
    styles = {"ok": "green", "warning": "yellow", "missing": "yellow", "broken": "bold red"}
    table = Table(box=None, show_header=False, pad_edge=False)
    for check in report.checks:
        detail = Text(safe(check.detail))
        if check.hint:
            detail.append(f"\nhint: {safe(check.hint)}", style="dim")
        table.add_row(Text(check.state, style=styles[check.state]), Text(check.name, style="bold"), detail)
    return [table]
