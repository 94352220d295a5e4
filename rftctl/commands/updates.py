"""What a command says while it works.

In: nothing. Out: `Progress`, `Note`, and the shape of a command.
A command is a generator: it yields updates and returns its report. The report layer shows both;
a command never prints, exits or knows that a terminal exists.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeAlias, TypeVar


@dataclass(frozen=True, slots=True)
class Progress:
    """So much of a stage is done; `total` is None while nobody knows it."""

    stage: str
    done: int
    total: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """One line worth saying; `level` is info, warning or error."""

    message: str
    level: str = "info"


Update: TypeAlias = Progress | Note
Report = TypeVar("Report")
Command: TypeAlias = Generator[Update, None, Report]
"""What every command function returns: updates while it works, its report at the end."""


def finish(command: Generator[object, None, Report]) -> Report:
    """Run a command to its report and drop the updates; for callers that show nothing."""
    while True:
        try:
            next(command)
        except StopIteration as end:
            report: Report = end.value
            return report
