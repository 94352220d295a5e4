"""What the ledger's tests share: a path, a plain run, and a process of its own that writes."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rftctl.ledger import Ledger, Run

if TYPE_CHECKING:
    from pathlib import Path

RUN = Run(
    run_id="digits-aaaaaa",
    name="digits",
    spec_path="/x/spec.yaml",
    spec_sha256="s",
    data_sha256="d",
    grader_sha256="g",
    provider="local",
    model="m",
    target=None,
    overrides={},
    launch_id="l1",
    created_at=1,
    rftctl_version="0",
    git_commit=None,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the test the path of a ledger that is not there yet."""
    return tmp_path / "ledger.sqlite"


def add(ledger: Ledger, run_id: str, created_at: int = 1, **fields: object) -> Run:
    """Add a run."""
    run = replace(RUN, run_id=run_id, launch_id=run_id, created_at=created_at, **fields)  # type: ignore[arg-type]
    ledger.add_run(run)
    return run


def start_writer(path: Path, body: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a process of its own that works on the ledger."""
    program = (
        "import sys\nfrom pathlib import Path\nfrom rftctl.ledger import Ledger\npath = Path(sys.argv[1])\n"
    )
    command = [sys.executable, "-c", program + textwrap.dedent(body), str(path), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def told(path: Path) -> dict[str, object]:
    """Return everything that a ledger knows, to be compared."""
    with Ledger(path) as ledger:
        runs = ledger.runs()
        entries = {run.run_id: ledger.entries(run.run_id) for run in runs}
        events = {run.run_id: ledger.events(run.run_id) for run in runs}
        return {"runs": runs, "entries": entries, "events": events, "uploads": ledger.uploads("openai")}
