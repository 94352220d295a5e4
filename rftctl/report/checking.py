"""What validate, grade and explain found, as tables.

In: a report. Out: what Rich prints, within 80 columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from rftctl.report.cells import make_table, number
from rftctl.report.findings import show_findings, verdict
from rftctl.text import one_line, plural, safe

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rftctl.commands.explain import Explanation
    from rftctl.commands.grade import CaseResult, GradeReport
    from rftctl.commands.grading import ExportReport
    from rftctl.commands.parity import ParityReport
    from rftctl.commands.validate import ValidationReport
    from rftctl.report.console import Terminal


def validation(report: ValidationReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Lay out what validation found: the worst first, each with its line, and the verdict at the end."""
    show_findings(report, terminal)
    return [verdict(report)]


def grading(report: GradeReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Lay out the cases that missed, the histogram and the count."""
    summary = report.summary
    parts: list[RenderableType] = []
    missed = [r for r in report.results if r.passed is False or (r.reward is None and r.passed is not True)]
    if missed:
        table = make_table("line", "reward", "expected", "what happened, or the output", last_wraps=True)
        for result in missed[:20]:
            table.add_row(
                str(result.line), number(result.reward), str(result.expected), _what_happened(result)
            )
        parts.append(table)
        if len(missed) > 20:
            parts.append(Text(f"and {len(missed) - 20} more", style="dim"))
    if not brief and len(report.summary.histogram) > 1:
        parts.append(_histogram(report, terminal))
    if report.is_under:
        parts.append(Text(f"mean reward is below {report.fail_under:g}", style="bold red"))
    style = "bold green" if report.exit_code == 0 else "bold red"
    parts.append(
        Text.assemble(
            ("as expected" if report.exit_code == 0 else "not as expected", style),
            f": {plural(summary.n, 'sample')}, {summary.n_missed} missed, ",
            f"{summary.n_failed} without a reward",
            " (the platform uses 0)" if summary.n_failed else "",
            f"; mean reward {number(summary.mean_reward)}",
        )
    )
    return parts


def _what_happened(result: CaseResult) -> str:
    if result.details:
        return one_line("; ".join(f"{flag}: {what}" for flag, what in result.details.items()), limit=400)
    return one_line(result.output, limit=80) or "(an empty output)"


def _histogram(report: GradeReport, terminal: Terminal) -> Text:
    """Draw how many outputs earned how much, one bar per bin."""
    summary, mark = report.summary, "#" if terminal.ascii_only else "█"
    low, high = summary.min_reward or 0.0, summary.max_reward or 0.0
    width = (high - low) / len(summary.histogram)
    most = max(summary.histogram)
    text = Text("\n")
    for index, count in enumerate(summary.histogram):
        bar = mark * round(40 * count / most)
        text.append(f"{low + index * width:8.3f}  ", style="dim")
        text.append(bar, style="cyan").append(f" {count}\n" if count else "\n")
    return text


def parity(report: ParityReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Lay out the samples that the provider grades otherwise."""
    parts: list[RenderableType] = []
    if report.different:
        table = make_table("line", "here", "there", "flags here", "flags there", last_wraps=True)
        for row in report.different[:20]:
            flags = (", ".join(row.local_errors) or "-", ", ".join(row.hosted_errors) or "-")
            table.add_row(str(row.line), number(row.local_reward), number(row.hosted_reward), *flags)
        parts.append(table)
    style = "bold green" if report.exit_code == 0 else "bold red"
    verdict = "equal" if not report.different else f"{len(report.different)} differ"
    skipped = f"; {report.n_skipped} with tool calls cannot be sent" if report.n_skipped else ""
    return [
        *parts,
        Text.assemble((verdict, style), f": {plural(report.n, 'sample')} graded on both sides{skipped}"),
    ]


def exported(report: ExportReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Say whether the Lambda function gives equal rewards."""
    style = "bold green" if report.exit_code == 0 else "bold red"
    verdict = "equal rewards" if report.exit_code == 0 else f"{report.n_different} rewards differ"
    return [
        Text.assemble(
            (verdict, style), f" on {plural(report.n_cases, 'case')}; written to {safe(report.path)}"
        ),
        Text("give the function a timeout above the default 3 seconds", style="dim"),
    ]


def explained(report: Explanation, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Lay out what a code means, with its examples."""
    parts: list[RenderableType] = [
        Text.assemble((report.code, "bold"), f"  {report.title}"),
        Text(report.why),
    ]
    for name, text in (("bad", report.bad), ("good", report.good)):
        if text:
            parts += [
                Text(f"{name}:", style="dim"),
                Text("    " + safe(text).rstrip().replace("\n", "\n    ")),
            ]
    return parts
