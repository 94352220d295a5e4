"""Fixtures: a terminal of 80 columns that writes into memory, and snapshots of what it showed.

`RFTCTL_UPDATE_SNAPSHOTS=1 pytest tests/report` writes them anew; read the diff before committing it.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from rftctl.report.console import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable

SNAPSHOTS = Path(__file__).parent.parent / "snapshots"


class Stream(io.TextIOWrapper):
    """A text stream in memory with an encoding of its own, and the command line's way with what it lacks."""

    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, errors="backslashreplace", write_through=True)

    def text(self) -> str:
        """Return what was written so far."""
        data = self.buffer.getvalue()  # type: ignore[attr-defined]
        return bytes(data).decode(self.encoding)


def make_terminal(
    *, encoding: str = "utf-8", width: int = 80, is_tty: bool = False, **options: bool
) -> Terminal:
    """Make a terminal that writes into memory, with the settings of the real one."""
    consoles = [
        Console(
            file=Stream(encoding),
            width=width,
            markup=False,
            highlight=False,
            emoji=False,
            force_terminal=is_tty,
            _environ={},
        )
        for _ in range(2)
    ]
    return Terminal(out=consoles[0], err=consoles[1], **options)


def shown(terminal: Terminal) -> str:
    """Return what a terminal showed: stdout, then stderr under a line that says so."""
    out, err = (console.file.text() for console in (terminal.out, terminal.err))  # type: ignore[attr-defined]
    return out + (f"--- stderr\n{err}" if err else "")


@pytest.fixture
def matches(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Give the test a comparison with the snapshot that bears its name."""

    def check(text: str) -> None:
        name = request.node.name.removeprefix("test_").replace("[", "-").rstrip("]")
        path = SNAPSHOTS / f"{name}.txt"
        text = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
        if os.environ.get("RFTCTL_UPDATE_SNAPSHOTS"):
            path.write_text(text)
        assert text == path.read_text(), f"{path.name} differs; look, then RFTCTL_UPDATE_SNAPSHOTS=1"

    return check
