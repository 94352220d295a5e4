"""What init made, as tables.

In: a report. Out: what Rich prints, within 80 columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from rftctl.text import plural, safe

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rftctl.commands.init import InitReport, SamplesReport
    from rftctl.report.console import Terminal


def started(report: InitReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Say what lies in the new folder and what to do next."""
    counts = ", ".join(f"{name} {plural(count, 'row')}" for name, count in report.n_examples.items())
    made = f": {counts}" if counts else f": {plural(len(report.files), 'file')}"
    spec = safe(report.spec)
    steps = [f"rftctl validate {spec}", f"rftctl grade {spec} --report-card", f"rftctl run {spec}"]
    parts: list[RenderableType] = [Text.assemble("made ", (safe(report.folder), "bold"), made)]
    if not report.has_grader:
        parts.append(Text(f"the grader is still to be written: see {spec}", style="bold yellow"))
    return [*parts, *(Text(f"  {step}", style="dim") for step in steps)]


def samples(report: SamplesReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """List the samples by name."""
    if not report.samples:
        return [Text("this installation has no samples", style="yellow")]
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, title in report.samples.items():
        table.add_row(Text(name, style="bold"), safe(title))
    return [table, Text("make a working copy: rftctl init my-run --from NAME", style="dim")]
