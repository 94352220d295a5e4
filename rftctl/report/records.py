"""What cost, runs, files and doctor found, as tables.

In: a report. Out: what Rich prints, within 80 columns.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from rftctl.report.cells import make_table
from rftctl.report.chart import draw_curve, legend
from rftctl.text import one_line, plural, safe

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rftctl.commands.doctor import DoctorReport
    from rftctl.commands.export import RunsExport
    from rftctl.commands.files import FilesReport, RemovalReport
    from rftctl.commands.purge import PurgeReport
    from rftctl.commands.recover import RecoverReport
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


def exported(report: RunsExport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Say what was written where."""
    return [Text(f"{plural(report.n_runs, 'run')} in {safe(report.path)} ({report.n_bytes:,} bytes)")]


def purged(report: PurgeReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Say what is gone, and what lies elsewhere."""
    lines = [Text(f"run {report.run_id} is erased", style="bold")]
    lines += [Text(f"gone: {safe(what)}") for what in report.erased]
    return [*lines, *(Text(f"stays: {safe(what)}", style="yellow") for what in report.stays)]


def recovered(report: RecoverReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Say what was rebuilt from what."""
    made = report.rebuilt
    lines = [Text(safe(report.damage) if report.damage else "the ledger is sound", style="bold")]
    if made is not None:
        lines += [Text(f"read {plural(made.n_facts, 'fact')} of the journal")]
        lines += [Text(f"read {plural(made.n_salvaged, 'row')} of the damaged file")]
        for count, what in ((made.n_unreadable, "unreadable line"), (made.n_left_out, "fact without a run")):
            lines += [Text(f"left out: {plural(count, what)}", style="yellow")] if count else []
        lines += [Text(f"the damaged file is kept: {safe(str(made.aside))}")] if made.aside else []
    lines += [Text(f"found again: run {safe(run_id)}") for run_id in report.found]
    asked = ", ".join(report.asked) or "nobody"
    return [*lines, Text(f"{plural(report.n_runs, 'run')}; asked {asked}", style="dim")]


def files(report: FilesReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """List files, rftctl's own marked."""
    if not report.files:
        return [Text(f"no files at {report.provider}", style="dim")]
    table = make_table("file", "bytes", "made", "purpose", "used by", last_wraps=True)
    for file in report.files:
        made = time.strftime("%Y-%m-%d", time.localtime(file.created_at)) if file.created_at else "-"
        owner = "" if file.is_ours else "not uploaded here"
        use = ", ".join(file.runs) + (" (needed)" if file.is_needed else "")
        size = "-" if file.n_bytes is None else f"{file.n_bytes:,}"
        name = f"{one_line(file.file_id, limit=40)}\n{one_line(file.filename, limit=40)}".rstrip()
        table.add_row(name, size, made, one_line(file.purpose, limit=12), safe(use or owner or "nobody"))
    return [table]


def removed(report: RemovalReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Say what is gone."""
    gone = f", {len(report.gone_before)} gone before" if report.gone_before else ""
    return [Text(f"{plural(len(report.removed), 'file')} removed ({report.n_bytes:,} bytes){gone}")]


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
