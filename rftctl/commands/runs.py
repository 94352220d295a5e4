"""The runs this machine knows.

In: the ledger, and the provider where a run's state may have changed. Out: `RunsReport`, `RunDetails`.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rftctl.commands.updates import Note
from rftctl.curve import RewardCurve
from rftctl.errors import ExitCode, RftctlError
from rftctl.providers import connect
from rftctl.wire import RESTING_STATUSES, mapping

if TYPE_CHECKING:
    from rftctl.commands.updates import Command
    from rftctl.home import Home
    from rftctl.ledger import Ledger, Run

UNLAUNCHED = frozenset({"planned", "uploading", "sending", "unknown", "refused", "abandoned"})
"""States of a run that has no job to ask for."""


@dataclass(frozen=True, slots=True)
class RunsReport:
    """All runs, newest first; `damage` is what is wrong with the ledger they were read from, or None."""

    runs: tuple[Run, ...]
    damage: str | None = None

    @property
    def exit_code(self) -> int:
        """0, or 11 when the ledger is damaged: the list shows what is readable."""
        return 0 if self.damage is None else ExitCode.STORAGE

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.runs/1` document."""
        document = {"schema": "rftctl.runs/1", "runs": [asdict(run) for run in self.runs]}
        return document if self.damage is None else {**document, "damage": self.damage}


@dataclass(frozen=True, slots=True)
class RunDetails:
    """One run with its history and its curve so far."""

    run: Run
    entries: tuple[dict[str, Any], ...]
    curve: RewardCurve

    exit_code = 0

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.run-details/1` document."""
        return {
            "schema": "rftctl.run-details/1",
            "run": asdict(self.run),
            "entries": list(self.entries),
            "curve": self.curve.to_json(),
        }


def list_runs(ledger: Ledger, home: Home) -> Command[RunsReport]:
    """List all runs; those that may have moved are asked for first."""
    moving = [run for run in ledger.runs() if run.state not in RESTING_STATUSES | UNLAUNCHED]
    for name in dict.fromkeys(run.provider for run in moving):
        yield from _refresh(name, [run for run in moving if run.provider == name], ledger, home)
    return RunsReport(tuple(ledger.runs()), ledger.damage)


def show_run(run: Run, ledger: Ledger, home: Home) -> Command[RunDetails]:
    """Show one run, its state asked for first."""
    if run.job_id is not None and run.state not in RESTING_STATUSES:
        yield from _refresh(run.provider, [run], ledger, home)
    curve = RewardCurve.from_events(ledger.events(run.run_id))
    return RunDetails(ledger.run(run.run_id), tuple(ledger.entries(run.run_id)), curve)


def files_of(run_id: str, ledger: Ledger) -> list[str]:
    """Return the ids of the files that a run's request names."""
    body = mapping((ledger.newest(run_id, "request") or {}).get("body"))
    named = (body.get("training_file"), body.get("validation_file"))
    return [file_id for file_id in named if isinstance(file_id, str)]


def _refresh(name: str, runs: list[Run], ledger: Ledger, home: Home) -> Command[None]:
    if ledger.damage is not None:
        # Nothing could be written down.
        return
    try:
        with closing(connect(name, home)) as provider:
            for run in runs:
                if run.job_id is not None:
                    ledger.set_state(run.run_id, provider.job(run.job_id).status)
                    known = {event.id for event in ledger.events(run.run_id)}
                    ledger.put_events(run.run_id, provider.events(run.job_id, known))
    except RftctlError as error:
        # A list is worth showing even where one provider cannot be asked.
        yield Note(f"{name} could not be asked, so its states may be old: {error.message}", "warning")
