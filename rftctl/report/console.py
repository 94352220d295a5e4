"""The terminal: results on stdout, progress and errors on stderr, nothing unsafe on either.

In: the options every command shares. Out: `Terminal`, which shows updates, documents and errors.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from rftctl.finding import Level
from rftctl.text import one_line, safe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rftctl.errors import RftctlError
    from rftctl.finding import Finding

STYLES = {Level.ERROR: "bold red", Level.WARNING: "yellow", Level.NOTE: "cyan"}


@dataclass(slots=True)
class Terminal:
    """Where a command's output goes.

    Attributes:
        as_json: one JSON document on stdout and nothing else.
        quiet: no progress and no notes.
        streams: with `as_json`, a document a line while the command works.
        form: what a report on stdout looks like: text, or junit.
    """

    as_json: bool = False
    quiet: bool = False
    streams: bool = False
    form: str = "text"
    out: Console = field(default_factory=lambda: _console(stderr=False))
    err: Console = field(default_factory=lambda: _console(stderr=True))

    @property
    def is_live(self) -> bool:
        """Whether a person watches stderr and it may be redrawn."""
        return self.err.is_terminal and not self.quiet and not self.as_json

    @property
    def ascii_only(self) -> bool:
        """Whether the terminal's encoding cannot show box and braille characters."""
        return "utf" not in (self.err.encoding or "").lower()

    def document(self, document: dict[str, Any]) -> None:
        """Write one JSON document to stdout, in ASCII, so that no terminal acts on it."""
        self.write(json.dumps(document, default=str, allow_nan=False) + "\n")

    def write(self, text: str) -> None:
        """Write text to stdout as it is."""
        sys.stdout.write(text)
        sys.stdout.flush()

    def say(self, message: str, level: str = "info") -> None:
        """Write one line to stderr, unless quiet; warnings are always written."""
        if self.quiet and level == "info":
            return
        style = {"warning": "yellow", "error": "bold red"}.get(level, "dim")
        prefix = "" if level == "info" else f"{level}: "
        self.err.print(Text(prefix + safe(message), style=style), soft_wrap=True)

    def error(self, error: RftctlError) -> None:
        """Write an error: its findings or its message, then the hint; as JSON where JSON was asked for."""
        findings: Iterable[Finding] = getattr(error, "findings", ())
        if self.as_json:
            self.document(
                {
                    "schema": "rftctl.error/1",
                    "exit_code": int(error.exit_code),
                    "kind": type(error).__name__,
                    "message": error.message,
                    "hint": error.hint,
                    "findings": [finding.to_json() for finding in findings],
                }
            )
            return
        listed = list(findings)
        for finding in listed:
            self.finding(finding)
        if not listed:
            self.err.print(Text.assemble(("error: ", "bold red"), safe(error.message)), soft_wrap=True)
            self.hint(error.hint)

    def finding(self, finding: Finding) -> None:
        """Write one finding on one line, and its hint on the next."""
        line = Text.assemble(
            (f"{safe(str(finding.place))}: ", "bold"),
            (f"{finding.level} {finding.code} ", STYLES[finding.level]),
            one_line(finding.message, limit=400),
        )
        self.err.print(line, soft_wrap=True)
        self.hint(finding.hint)

    def hint(self, hint: str) -> None:
        """Write the way out, if there is one."""
        if hint:
            self.err.print(Text(f"hint: {one_line(hint, limit=400)}", style="dim"), soft_wrap=True)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        # Rich would exit with code 1; whoever prints knows the right code.
        raise BrokenPipeError


def _console(*, stderr: bool) -> Console:
    # Markup and highlighting off: what we print may come from a model.
    stream = sys.stderr if stderr else sys.stdout
    if getattr(stream, "errors", None) == "strict" and hasattr(stream, "reconfigure"):
        # A narrow encoding shows an escape rather than ending the command.
        stream.reconfigure(errors="backslashreplace")
    return _Console(stderr=stderr, markup=False, highlight=False, emoji=False)
