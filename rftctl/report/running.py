"""What launch, watch, evaluate, run and the control commands found, as tables.

In: a report. Out: what Rich prints, within 80 columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from rftctl.report.cells import interval, make_table, number
from rftctl.report.chart import draw_curve, legend
from rftctl.text import one_line, plural, safe

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rftctl.commands.control import ControlReport
    from rftctl.commands.evaluate import EvaluationReport, ModelReport
    from rftctl.commands.launch import LaunchReport
    from rftctl.commands.run import RunReport
    from rftctl.commands.watch import WatchReport
    from rftctl.report.console import Terminal

VERDICT_STYLES = {"better": "bold green", "worse": "bold red", "tied": "yellow"}


def launched(report: LaunchReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Say which run and job stand for the spec now."""
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


def watched(report: WatchReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Draw the curve and say how the job stands."""
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


def evaluated(report: EvaluationReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Lay out base and tuned model on held-out rows, and their paired difference."""
    table = make_table("held-out", "reward", "95 % interval", "parseable", "if parseable", "truncated")
    for model in report.models:
        table.add_row(
            one_line(_short(model, report), limit=24),
            number(model.mean_reward),
            interval(model.interval),
            f"{model.parseable_share:.0%}",
            number(model.mean_reward_parseable),
            f"{model.truncated_share:.0%}",
        )
    parts: list[RenderableType] = [table]
    for pair in report.pairs:
        found = pair.comparison
        parts.append(
            Text.assemble(
                f"difference {found.difference:+.3f}, ",
                f"95 % interval {interval(found.interval, signed=True)}, ",
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


def _short(model: ModelReport, report: EvaluationReport) -> str:
    """Name a model in a narrow column: the base by its name, a tuned one by what follows its base's."""
    if model is report.models[0]:
        return f"base {model.name}"
    tail = [part for part in model.name.split(":") if part][-1]
    return f"tuned {tail}"


def ran(report: RunReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Say what a whole run cost and how it is called."""
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


def controlled(report: ControlReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Say how the job stands after it was asked."""
    return [
        Text.assemble(
            f"run {report.run.run_id}: {report.action} asked, job is ", (safe(report.job.status), "bold")
        )
    ]
