"""Reports as tables for people.

In: any command's report. Out: text on stdout. One small function per report; the widths fit 80 columns.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from rftctl.report.chart import draw_curve, legend
from rftctl.text import one_line, plural, safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from rftctl.commands.control import ControlReport
    from rftctl.commands.doctor import DoctorReport
    from rftctl.commands.draft import DraftReport
    from rftctl.commands.evaluate import EvaluationReport, ModelReport
    from rftctl.commands.explain import Explanation
    from rftctl.commands.grade import GradeReport
    from rftctl.commands.grading import ExportReport
    from rftctl.commands.launch import LaunchReport
    from rftctl.commands.parity import ParityReport
    from rftctl.commands.report_card import ReportCard
    from rftctl.commands.run import RunReport
    from rftctl.commands.runs import RunDetails, RunsReport
    from rftctl.commands.validate import ValidationReport
    from rftctl.commands.watch import WatchReport
    from rftctl.cost import CostEstimate
    from rftctl.report.console import Terminal
    from rftctl.stats import Interval

VERDICT_STYLES = {"better": "bold green", "worse": "bold red", "tied": "yellow"}


def show_report(report: object, terminal: Terminal, *, brief: bool = False) -> None:
    """Show any report; `brief` leaves out what a pipeline shows elsewhere."""
    for part in _SHOW[type(report).__name__](report, terminal, brief):
        terminal.out.print(part, soft_wrap=isinstance(part, Text))


def _validation(report: ValidationReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    for finding in report.findings:
        terminal.finding(finding)
    for code, count in report.left_out.items():
        terminal.err.print(Text(f"and {count:,} more of {code}", style="dim"))
    counts = ", ".join(f"{name} {plural(count, 'row')}" for name, count in report.n_examples.items())
    verdict = (
        Text("valid", style="bold green") if report.exit_code == 0 else Text("not valid", style="bold red")
    )
    found = f"{plural(report.n_errors, 'error')}, {plural(report.n_warnings, 'warning')}"
    return [Text.assemble(verdict, f": {found}; {counts or 'no rows'}")]


def _grading(report: GradeReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    summary = report.summary
    parts: list[RenderableType] = []
    missed = [r for r in report.results if r.passed is False or (r.reward is None and r.passed is not True)]
    if missed:
        table = _table("line", "reward", "expected", "what happened, or the output", last_wraps=True)
        for result in missed[:20]:
            what = "; ".join(f"{k}: {v}" for k, v in result.details.items()) or "missed"
            table.add_row(
                str(result.line), _number(result.reward), str(result.expected), one_line(what, limit=200)
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
            f"{summary.n_failed} without a reward; mean reward {_number(summary.mean_reward)}",
        )
    )
    return parts


def _histogram(report: GradeReport, terminal: Terminal) -> Text:
    """Draw how many outputs earned how much, one bar per bin."""
    summary, mark = report.summary, "#" if terminal.ascii_only else "█"
    low, high = summary.min_reward or 0.0, summary.max_reward or 0.0
    width = (high - low) / len(summary.histogram)
    most = max(summary.histogram)
    text = Text("\n")
    for number, count in enumerate(summary.histogram):
        bar = mark * round(40 * count / most)
        text.append(f"{low + number * width:8.3f}  ", style="dim")
        text.append(bar, style="cyan").append(f" {count}\n" if count else "\n")
    return text


def _card(report: ReportCard, terminal: Terminal, brief: bool) -> list[RenderableType]:
    table = _table("kind of output", "n", "mean reward", "paid", "for example", last_wraps=True)
    for family in report.families:
        style = "red" if family.is_weakness else "green" if family.is_good else ""
        table.add_row(
            Text(family.family, style=style),
            str(family.n),
            _number(family.mean_reward),
            f"{family.paid_share:.0%}",
            one_line(family.example, limit=24),
        )
    low, high = report.discrimination_low, report.discrimination_high
    beats = f"right beats wrong on {report.discrimination:.0%} of {plural(report.n_rows, 'row')}"
    style = "bold green" if report.exit_code == 0 else "bold red"
    return [
        table,
        Text(
            f"{beats} (95 % interval {low:.0%} to {high:.0%}); {report.flip_share:.0%} flip when graded again"
        ),
        *(Text(one_line(note, limit=300), style="dim") for note in report.notes),
        Text.assemble((report.verdict, style), f": {report.reason}"),
    ]


def _drafted(report: DraftReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    lines = ["grader:", *(f"  {line}" for line in json.dumps(report.grader, indent=2).splitlines())]
    return [*_card(report.card, terminal, brief), Text(safe("\n".join(lines)))]


def _parity(report: ParityReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if report.different:
        table = _table("line", "here", "there", "flags here", "flags there", last_wraps=True)
        for row in report.different[:20]:
            flags = (", ".join(row.local_errors) or "-", ", ".join(row.hosted_errors) or "-")
            table.add_row(str(row.line), _number(row.local_reward), _number(row.hosted_reward), *flags)
        parts.append(table)
    style = "bold green" if report.exit_code == 0 else "bold red"
    verdict = "equal" if not report.different else f"{len(report.different)} differ"
    skipped = f"; {report.n_skipped} with tool calls cannot be sent" if report.n_skipped else ""
    return [
        *parts,
        Text.assemble((verdict, style), f": {plural(report.n, 'sample')} graded on both sides{skipped}"),
    ]


def _exported(report: ExportReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    style = "bold green" if report.exit_code == 0 else "bold red"
    verdict = "equal rewards" if report.exit_code == 0 else f"{report.n_different} rewards differ"
    return [
        Text.assemble(
            (verdict, style), f" on {plural(report.n_cases, 'case')}; written to {safe(report.path)}"
        ),
        Text("give the function a timeout above the default 3 seconds", style="dim"),
    ]


def _estimate(estimate: CostEstimate, terminal: Terminal, brief: bool) -> list[RenderableType]:
    checked = f" (prices of {estimate.checked_on})" if estimate.checked_on else ""
    price = "price unknown" if estimate.high_usd is None else estimate.describe()
    return [Text.assemble((price, "bold"), f": {estimate.basis}{checked}")]


def _launched(report: LaunchReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    run, word = report.run, "launched" if report.is_new else "found"
    lines: list[RenderableType] = [
        Text.assemble(
            f"{word} run ",
            (run.run_id, "bold"),
            f", job {safe(report.job.id)} at {run.provider}: {safe(report.job.status)}",
        )
    ]
    if not brief:
        lines.append(Text(f"follow it: rftctl watch {run.run_id}", style="dim"))
    return lines


def _watched(report: WatchReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    job = report.job
    style = "bold green" if job.status == "succeeded" else "bold red"
    parts: list[RenderableType] = []
    drawn = draw_curve(
        report.curve, width=min(terminal.out.width, 80), height=12, ascii_only=terminal.ascii_only
    )
    if drawn:
        parts += [Text.from_ansi(drawn), legend(ascii_only=terminal.ascii_only)]
    line = Text.assemble(
        f"run {report.run.run_id}: ", (safe(job.status), style), f" after step {report.curve.last_step}"
    )
    if job.failure:
        line.append(f"; {safe(job.failure.code)}: {one_line(job.failure.message, limit=400)}")
    parts.append(line)
    for alert in report.alerts:
        parts.append(Text(f"{alert.rule}: {alert.message} ({alert.then})", style="yellow"))
    if job.fine_tuned_model and not brief:
        parts.append(Text(f"model: {safe(job.fine_tuned_model)}"))
    return parts


def _evaluated(report: EvaluationReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    table = _table("held-out", "reward", "95 % interval", "parseable", "if parseable", "truncated")
    for model in report.models:
        table.add_row(
            one_line(_short(model, report), limit=24),
            _number(model.mean_reward),
            _interval(model.interval),
            f"{model.parseable_share:.0%}",
            _number(model.mean_reward_parseable),
            f"{model.truncated_share:.0%}",
        )
    parts: list[RenderableType] = [table]
    for pair in report.pairs:
        found = pair.comparison
        parts.append(
            Text.assemble(
                f"difference {found.difference:+.3f}, ",
                f"95 % interval {_interval(found.interval, signed=True)}, ",
                f"paired over {plural(found.n_examples, 'example')}: ",
                (found.verdict, VERDICT_STYLES[found.verdict]),
            )
        )
    for model in report.models:
        if model.n_failed:
            parts.append(
                Text(
                    f"{one_line(model.name)}: {plural(model.n_failed, 'sample')} without a verdict",
                    style="yellow",
                )
            )
        if model.checkpoint_folder:
            parts.append(Text(f"checkpoint: {safe(model.checkpoint_folder)}"))
    return parts


def _ran(report: RunReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if report.watched is not None:
        cost = report.watched.cost
        hours = cost.training_hours_high or 0.0
        parts.append(
            Text.assemble("cost: ", (cost.describe(), "bold"), f", {hours * 60:.1f} minutes of training")
        )
    if report.launched is not None:
        parts.append(Text(f"run: {report.launched.run.run_id}"))
    return parts


def _runs(report: RunsReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    if not report.runs:
        return [Text("no runs yet; start one: rftctl launch SPEC", style="dim")]
    table = _table("run", "state", "provider", "model", "started")
    for run in report.runs:
        started = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created_at))
        table.add_row(run.run_id, safe(run.state), run.provider, one_line(run.model, limit=30), started)
    return [table]


def _details(report: RunDetails, terminal: Terminal, brief: bool) -> list[RenderableType]:
    run = report.run
    table = Table(box=None, show_header=False, pad_edge=False)
    for key in ("run_id", "state", "job_id", "provider", "model", "spec_path", "spec_sha256", "git_commit"):
        table.add_row(Text(key, style="dim"), safe(str(getattr(run, key) or "-")))
    parts: list[RenderableType] = [table]
    drawn = draw_curve(
        report.curve, width=min(terminal.out.width, 80), height=12, ascii_only=terminal.ascii_only
    )
    return [*parts, Text.from_ansi(drawn), legend(ascii_only=terminal.ascii_only)] if drawn else parts


def _controlled(report: ControlReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    return [
        Text.assemble(
            f"run {report.run.run_id}: {report.action} asked, job is ", (safe(report.job.status), "bold")
        )
    ]


def _diagnosed(report: DoctorReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    styles = {"ok": "green", "warning": "yellow", "missing": "yellow", "broken": "bold red"}
    table = Table(box=None, show_header=False, pad_edge=False)
    for check in report.checks:
        detail = Text(safe(check.detail))
        if check.hint:
            detail.append(f"\nhint: {safe(check.hint)}", style="dim")
        table.add_row(Text(check.state, style=styles[check.state]), Text(check.name, style="bold"), detail)
    return [table]


def _explained(report: Explanation, terminal: Terminal, brief: bool) -> list[RenderableType]:
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


# By name, so that showing one kind of report does not import all the others.
_SHOW: dict[str, Callable[..., list[RenderableType]]] = {
    "ValidationReport": _validation,
    "GradeReport": _grading,
    "ReportCard": _card,
    "DraftReport": _drafted,
    "ParityReport": _parity,
    "ExportReport": _exported,
    "CostEstimate": _estimate,
    "LaunchReport": _launched,
    "WatchReport": _watched,
    "EvaluationReport": _evaluated,
    "RunReport": _ran,
    "RunsReport": _runs,
    "RunDetails": _details,
    "ControlReport": _controlled,
    "DoctorReport": _diagnosed,
    "Explanation": _explained,
}


def _table(*columns: str, last_wraps: bool = False) -> Table:
    """Make a table whose numbers stand right; a last column of words folds instead of squeezing them."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    for number, column in enumerate(columns):
        is_words = number == 0 or (last_wraps and number == len(columns) - 1)
        fixed = number > 0 and not is_words
        table.add_column(column, justify="left" if is_words else "right", overflow="fold", no_wrap=fixed)
    return table


def _short(model: ModelReport, report: EvaluationReport) -> str:
    """Name a model in a narrow column: the base by its name, a tuned one by what follows its base's."""
    if model is report.models[0]:
        return f"base {model.name}"
    tail = [part for part in model.name.split(":") if part][-1]
    return f"tuned {tail}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(interval: Interval | None, *, signed: bool = False) -> str:
    if interval is None:
        return "-"
    form = "{:+.3f} to {:+.3f}" if signed else "{:.3f} to {:.3f}"
    return form.format(interval.low, interval.high)
