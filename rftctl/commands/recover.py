"""Rebuild a ledger from what is left of it, and from what the providers know.

In: the user's `Home`. Out: `RecoverReport`. The journal and the readable rows of the damaged file come first;
then each provider is asked for its jobs, and those that rftctl launched and the ledger lacks are entered.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rftctl.commands.adopt import enter_job
from rftctl.commands.updates import Note, Progress
from rftctl.errors import RftctlError
from rftctl.ledger import Ledger
from rftctl.ledger.book import journal_of
from rftctl.ledger.journal import Journal
from rftctl.ledger.locks import hold_lock
from rftctl.ledger.rebuild import rebuild
from rftctl.profiles import load_profiles
from rftctl.providers import connect
from rftctl.providers.request import LAUNCH_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rftctl.commands.updates import Command
    from rftctl.home import Home
    from rftctl.ledger.rebuild import Rebuilt


@dataclass(frozen=True, slots=True)
class RecoverReport:
    """What was wrong, what it was rebuilt from, and what the providers added.

    Attributes:
        damage: what was wrong, or None when nothing was.
        found: runs that only a provider knew, or whose job only a provider knew.
        asked: the providers that answered.
        not_asked: provider -> why it could not be asked.
    """

    damage: str | None
    rebuilt: Rebuilt | None
    n_runs: int
    found: tuple[str, ...]
    asked: tuple[str, ...]
    not_asked: dict[str, str]

    exit_code = 0

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.recover/1` document."""
        made = self.rebuilt
        return {
            "schema": "rftctl.recover/1",
            "damage": self.damage,
            "rebuilt": made
            and {
                "n_facts": made.n_facts,
                "n_unreadable": made.n_unreadable,
                "n_left_out": made.n_left_out,
                "n_salvaged": made.n_salvaged,
                "damaged_file": str(made.aside) if made.aside else None,
            },
            "n_runs": self.n_runs,
            "found": list(self.found),
            "asked": list(self.asked),
            "not_asked": self.not_asked,
        }


def recover(home: Home, providers: Sequence[str] = ()) -> Command[RecoverReport]:
    """Rebuild the ledger if it is damaged, then look for jobs that it lacks.

    Args:
        providers: whom to ask; by default all whom the ledger or config.yaml names, or whose key is set.

    Raises:
        BusyError: another process recovers it now.
        StorageError: the new ledger cannot be written.
    """
    path = home.ledger
    with hold_lock(path.parent / "locks" / "recover.lock", "recovering the ledger"):
        yield Progress("reading", 0, 2)
        with Ledger(path) as ledger:
            damage = ledger.damage or ledger.check()
        made = rebuild(path, Journal(journal_of(path))) if damage else None
        yield Progress("reading", 1, 2)
        with Ledger(path) as ledger:
            asked, found, not_asked = yield from _ask(ledger, home, providers)
            n_runs = len(ledger.runs())
    return RecoverReport(damage, made, n_runs, tuple(found), tuple(asked), not_asked)


def _ask(
    ledger: Ledger, home: Home, providers: Sequence[str]
) -> Command[tuple[list[str], list[str], dict[str, str]]]:
    known = {run.provider for run in ledger.runs()}
    asked: list[str] = []
    found: list[str] = []
    failed: dict[str, str] = {}
    for name in providers or sorted({*known, *home.providers, *load_profiles(home.profiles)}):
        if name == "local" and not home.service.exists():
            continue
        yield Progress(f"asking {name}", 0, None)
        try:
            found += _enter_jobs(name, ledger, home)
            asked.append(name)
        except RftctlError as error:
            failed[name] = error.message
            if name in known or name in providers:
                yield Note(f"{name} could not be asked: {error.message}", "warning")
    return asked, found, failed


def _enter_jobs(name: str, ledger: Ledger, home: Home) -> list[str]:
    jobs_known = {run.job_id for run in ledger.runs() if run.provider == name}
    found = []
    with closing(connect(name, home)) as provider:
        for job in provider.find_jobs({}):
            if LAUNCH_KEY in job.metadata and job.id not in jobs_known:
                run, _ = enter_job(job, ledger, name)
                ledger.put_events(run.run_id, provider.events(job.id))
                found.append(run.run_id)
    return found
