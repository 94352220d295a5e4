"""What `validate --fix` did, line by line, and what is left to decide.

In: a fix report. Out: the repairs on stdout, the findings of the copies on stderr.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.text import Text

from rftctl.report.cells import make_table
from rftctl.report.findings import ranges, show_findings, verdict
from rftctl.text import one_line, plural, safe

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rftctl.commands.fix import FixReport
    from rftctl.report.console import Terminal


def fixed(report: FixReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Lay out each repair at its line of the original, then how the copies validate."""
    parts: list[RenderableType] = []
    if report.repairs:
        table = make_table("file", "what was done", "lines", last_wraps=True)
        groups: dict[tuple[str, str], list[int]] = {}
        for repair in report.repairs:
            what = f"{repair.kind}: {repair.detail}" if repair.detail else repair.kind
            groups.setdefault((repair.path, what), []).append(repair.line)
        for (path, what), lines in groups.items():
            table.add_row(one_line(path), one_line(what), ranges(lines))
        parts.append(table)
    shown = Counter(repair.kind for repair in report.repairs)
    for kind, count in report.counts.items():
        if count > shown[kind]:
            parts.append(Text(f"and {count - shown[kind]:,} more: {kind}", style="dim"))
    done = f"{plural(sum(report.counts.values()), 'repair')} in {plural(len(report.files), 'file')}"
    parts.append(Text(f"{done}; the copy is {safe(report.spec)}"))
    show_findings(report.validation, terminal)
    if report.validation.n_errors:
        parts.append(Text("what is left has no single right answer", style="dim"))
    return [*parts, verdict(report.validation)]
