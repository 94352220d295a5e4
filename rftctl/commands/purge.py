"""Erase a run, as a person's right to be forgotten asks for it.

In: a run of the ledger. Out: `PurgeReport`: what is gone from this machine, what lies elsewhere and stays.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rftctl.commands.runs import UNLAUNCHED, files_of
from rftctl.commands.updates import Note
from rftctl.errors import RftctlError, UsageError
from rftctl.providers import connect
from rftctl.text import plural
from rftctl.wire import FINAL_STATUSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rftctl.commands.updates import Command
    from rftctl.home import Home
    from rftctl.ledger import Ledger, Run


@dataclass(frozen=True, slots=True)
class PurgeReport:
    """What was erased, and what this machine cannot erase."""

    run_id: str
    erased: tuple[str, ...]
    stays: tuple[str, ...]

    exit_code = 0

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.purge/1` document."""
        return {
            "schema": "rftctl.purge/1",
            "run_id": self.run_id,
            "erased": list(self.erased),
            "stays": list(self.stays),
        }


def purge_run(
    run: Run, ledger: Ledger, home: Home, *, force: bool, agree: Callable[[str], bool]
) -> Command[PurgeReport]:
    """Erase a run from the ledger, its journal, kept copies, caches and the embedded service.

    Args:
        force: erase it although its job may be running.
        agree: asked once, with the run's id.

    Raises:
        UsageError: it is running, or nobody agreed.
        StorageError: it could not be erased.
    """
    if not force and run.state not in FINAL_STATUSES:
        yield from _refuse_running(run, home)
    if not agree(run.run_id):
        raise UsageError(f"nobody agreed to erase run '{run.run_id}'", "give --yes")
    stays = tuple(_stays(run, ledger))
    erased = list(_erase_local_job(run, home))
    erased += _remove_caches(home)
    found = ledger.erase(run.run_id)
    erased.insert(0, f"{plural(found.n_entries, 'fact')} and {plural(found.n_events, 'event')} of the ledger")
    erased += [f"kept copy {name}" for name in found.copies]
    if not found.is_compacted:
        yield Note(
            "another process reads the ledger: its last old pages are overwritten when that one ends",
            "warning",
        )
    return PurgeReport(run.run_id, tuple(erased), stays)


def _refuse_running(run: Run, home: Home) -> Command[None]:
    state = run.state
    if run.job_id is not None:
        try:
            with closing(connect(run.provider, home)) as provider:
                state = provider.job(run.job_id).status
        except RftctlError as error:
            yield Note(f"{run.provider} could not be asked: {error.message}", "warning")
    elif state in UNLAUNCHED - {"sending", "unknown"}:
        return
    if state not in FINAL_STATUSES:
        raise UsageError(
            f"run '{run.run_id}' is {state}: its job may be running",
            f"rftctl cancel {run.run_id} first, or give --force and lose sight of it",
        )


def _stays(run: Run, ledger: Ledger) -> Iterator[str]:
    if run.spec_path:
        yield f"the spec {run.spec_path} and its data"
    if run.provider == "local":
        return
    if run.job_id:
        yield f"job {run.job_id} and its model at {run.provider}"
    for file_id in files_of(run.run_id, ledger):
        yield f"file {file_id} at {run.provider}: rftctl files rm {file_id} --provider {run.provider}"


def _erase_local_job(run: Run, home: Home) -> list[str]:
    if run.provider != "local" or run.job_id is None or not home.service.exists():
        return []
    from rftctl.server.erasure import erase_job

    return erase_job(home.service, run.job_id)


def _remove_caches(home: Home) -> Iterator[str]:
    # Judges' answers are not kept by run; they are asked for again where they are needed.
    wanted = ("judge-answers.sqlite", "judge-answers.sqlite-wal", "judge-answers.sqlite-shm", "last-bug.txt")
    for name in wanted:
        path: Path = home.path / name
        if path.exists():
            path.unlink()
            yield f"{name}"
