"""What every check returns.

In: nothing. Out: `Finding`, `Level`, `Place`.
Codes: RFT1xx spec, 2xx data, 3xx grader, 4xx provider, 5xx cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Level(StrEnum):
    """How much a finding weighs: an error refuses, a warning advises, a note informs."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding points: a file, and a 1-based line and column in it when known."""

    path: str
    line: int | None = None
    column: int | None = None

    @classmethod
    def of(cls, path: Path, line: int | None = None, column: int | None = None) -> Place:
        """Point into a file, named relative to the current folder when it lies below it."""
        absolute, here = path.absolute(), Path.cwd()
        shown = absolute.relative_to(here) if absolute.is_relative_to(here) else path
        return cls(str(shown), line, column)

    def __str__(self) -> str:
        parts = [self.path, *(str(n) for n in (self.line, self.column) if n is not None)]
        return ":".join(parts)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a check has to say, with its code, place and way out."""

    code: str
    level: Level
    place: Place
    message: str
    hint: str = ""

    def to_json(self) -> dict[str, str | int | None]:
        """Return the finding as a flat dict, the same in every document."""
        return {
            "code": self.code,
            "level": str(self.level),
            "path": self.place.path,
            "line": self.place.line,
            "column": self.place.column,
            "message": self.message,
            "hint": self.hint,
        }

    def __str__(self) -> str:
        return f"{self.place}: {self.level} {self.code} {self.message}"


def has_errors(findings: Iterable[Finding]) -> bool:
    """Tell whether any finding is an error."""
    return any(finding.level is Level.ERROR for finding in findings)
