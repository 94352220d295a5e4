"""A resolved spec on stdout.

In: a resolved report. Out: its YAML as it is, so that it can be redirected into a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rftctl.commands.resolve import ResolvedReport
    from rftctl.report.console import Terminal


def resolved(report: ResolvedReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Lay out the YAML; a strict reader has passed what it is made of, so nothing acts on a terminal."""
    return [Text(report.text.rstrip("\n"))]
