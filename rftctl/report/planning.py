"""What a plan, an adopted or imported job and a run's settings say, as tables.

In: a report. Out: what Rich prints, within 80 columns; the request itself as JSON, whole.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from rftctl.report.cells import make_table
from rftctl.report.chart import draw_curve, legend
from rftctl.text import one_line, safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from rftctl.commands.adopt import AdoptReport
    from rftctl.commands.import_job import ImportReport
    from rftctl.commands.plan import LaunchPlan
    from rftctl.commands.settings import SettingsReport
    from rftctl.finding import Finding
    from rftctl.report.console import Terminal


def planned(plan: LaunchPlan, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Lay out what a launch would send, to whom, and what it may cost."""
    prepared = plan.prepared
    parts: list[RenderableType] = [
        Text.assemble("plan of run ", (plan.run.run_id, "bold"), f" at {plan.run.provider}"),
        _facts(plan),
        _files(plan),
        Text("the request, as it would be sent:", style="bold"),
        Text(safe(json.dumps(plan.request, indent=2, ensure_ascii=False), limit=400_000)),
        *_findings((*prepared.allowed, *plan.findings)),
    ]
    if plan.existing is not None:
        found = plan.existing
        parts.append(
            Text(f"nothing would be sent: job {safe(found['job_id'])} is there, {safe(found['status'])}")
        )
    parts.append(
        Text("to launch exactly this: --plan --json > plan.json, then rftctl launch plan.json", "dim")
    )
    return parts


def settled(report: SettingsReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Lay out every setting: the spec, where a default came from, what was sent, what is used."""
    table = make_table("setting", "spec", "from", "sent", "used")
    for row in report.settings:
        style = "" if row.agrees else "bold red"
        name, origin = row.name.removeprefix("hyperparameters."), row.origin.rsplit("/", 1)[-1]
        table.add_row(
            Text(one_line(name, limit=28), style=style),
            _value(row.spec),
            Text(one_line(origin.replace("--set hyperparameters.", "--set "), limit=18)),
            _value(row.sent),
            _value(row.used),
        )
    return [table, *_findings(report.findings)]


def adopted(report: AdoptReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Say which run stands for a job now, and how it is followed."""
    run, word = report.run, "adopted as" if report.is_new else "is"
    line = Text.assemble(
        f"job {safe(report.job.id)} {word} run ", (run.run_id, "bold"), f": {safe(report.job.status)}"
    )
    drawn = draw_curve(
        report.curve, width=min(terminal.out.width, 80), height=12, ascii_only=terminal.ascii_only
    )
    curve = [Text.from_ansi(drawn), legend(ascii_only=terminal.ascii_only)] if drawn else []
    return [line, *curve, Text(f"follow it: rftctl watch {run.run_id}", style="dim")]


def imported(report: ImportReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """List what came home of a job, and what did not."""
    table = make_table("file", "holds")
    for name, what in report.files.items():
        table.add_row(safe(name), safe(what))
    parts: list[RenderableType] = [
        Text.assemble(f"job {safe(report.job_id)} lies in ", (safe(str(report.folder)), "bold")),
        table,
    ]
    parts += [Text(f"missing: {one_line(lack, limit=300)}", style="yellow") for lack in report.missing]
    target = f" --target {report.targets[0]}" if report.targets else ""
    parts.append(Text(f"launch it again: rftctl launch {safe(str(report.folder))}/spec.yaml{target}", "dim"))
    return parts


def _facts(plan: LaunchPlan) -> Table:
    document = plan.to_json()
    there, budget = document["provider"], document["budget"]
    table = Table(box=None, show_header=False, pad_edge=False)
    estimate = plan.prepared.estimate
    rows: list[tuple[str, Any]] = [
        ("address", there["base_url"] or "not asked"),
        ("model", there["model"] + (f" ({there['model_note']})" if there["model_note"] else "")),
        ("model ends on", there["model_retires_on"] or "no day is known"),
        ("platform ends on", there["ends_on"] or "no day is known"),
        ("facts of", f"{there['checked_on']}, {there['source']}"),
        ("estimate", f"{estimate.describe()}: {estimate.basis}"),
        ("budget", "none" if budget["max_usd"] is None else f"${budget['max_usd']:,.2f}"),
    ]
    if budget["max_usd"] is not None:
        taken = f"${budget['spent_usd']:,.2f} spent, ${budget['held_usd']:,.2f} held by other runs"
        rows.append(
            ("left", f"${budget['left_usd']:,.2f} ({taken})" + ("" if budget["fits"] else ": too little"))
        )
    if document["allowed"]:
        rows.append(("let pass", ", ".join(document["allowed"])))
    for key, value in rows:
        table.add_row(Text(key, style="dim"), safe(str(value)))
    return table


def _files(plan: LaunchPlan) -> Table:
    table = make_table("file", "rows", "bytes", "sha256", "upload")
    for name, data in plan.prepared.data.items():
        reused = plan.reused.get(name)
        how = f"no: {safe(reused)} is there" if reused else "yes" if plan.address else "not known"
        table.add_row(safe(data.path.name), f"{data.n_rows:,}", f"{data.n_bytes:,}", data.sha256[:16], how)
    return table


def _findings(findings: Sequence[Finding]) -> list[Text]:
    styles = {"error": "bold red", "warning": "yellow", "note": "cyan"}
    return [Text(one_line(str(finding), limit=400), style=styles[finding.level]) for finding in findings]


def _value(value: Any) -> Text:
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, dict | list):
        text = json.dumps(value, ensure_ascii=False)
        return Text(f"{len(text)} bytes" if len(text) > 10 else one_line(text), style="dim")
    return Text(one_line(str(value), limit=10))
