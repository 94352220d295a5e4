"""Reports as tables for people.

In: any command's report. Out: text on stdout. One small function per report; the widths fit 80 columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from rftctl.report import cards, checking, fixed, planning, records, resolved, running, starting

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from rftctl.report.console import Terminal


def show_report(report: object, terminal: Terminal, *, brief: bool = False) -> None:
    """Show any report; `brief` leaves out what a pipeline shows elsewhere."""
    for part in _SHOW[type(report).__name__](report, terminal, brief):
        terminal.out.print(part, soft_wrap=isinstance(part, Text))


# By name, so that showing one kind of report does not import the commands of all the others.
_SHOW: dict[str, Callable[..., list[RenderableType]]] = {
    "InitReport": starting.started,
    "SamplesReport": starting.samples,
    "ValidationReport": checking.validation,
    "FixReport": fixed.fixed,
    "ResolvedReport": resolved.resolved,
    "GradeReport": checking.grading,
    "ReportCard": cards.card,
    "DraftReport": cards.drafted,
    "ParityReport": checking.parity,
    "ExportReport": checking.exported,
    "CostEstimate": records.estimate,
    "LaunchReport": running.launched,
    "LaunchPlan": planning.planned,
    "SettingsReport": planning.settled,
    "AdoptReport": planning.adopted,
    "ImportReport": planning.imported,
    "WatchReport": running.watched,
    "EvaluationReport": running.evaluated,
    "RunReport": running.ran,
    "RunsReport": records.runs,
    "RunDetails": records.details,
    "RunsExport": records.exported,
    "PurgeReport": records.purged,
    "RecoverReport": records.recovered,
    "FilesReport": records.files,
    "RemovalReport": records.removed,
    "ControlReport": running.controlled,
    "DoctorReport": records.diagnosed,
    "Explanation": checking.explained,
}
