"""The ledger as everybody uses it: facts in, `Run` views out.

In: facts, appended in the order they happened. Out: `Run` views of them. One SQLite file under RFTCTL_HOME
and a journal beside it. A fact is committed before the next act in the outside world, so that a crash at any
moment leaves either the intent or the result on disk. Never a secret: keys are masked on their way to a file.

The order of a write: the row goes into an open transaction, the line into the journal and onto the disk, and
then the transaction commits. Whatever happens between the two, the journal has the fact, and the next process
to open the ledger takes it up.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from rftctl.errors import StorageError, UsageError
from rftctl.ledger.erasure import Erased, erase_run
from rftctl.ledger.facts import apply, entry_fact, run_fact, upload_fact, upload_gone_fact
from rftctl.ledger.journal import Journal
from rftctl.ledger.locks import hold_lock
from rftctl.ledger.rebuild import UNWRITTEN, catch_up, disagreements, known_size, view_of_damaged
from rftctl.ledger.reserve import keep_reserve, release_reserve
from rftctl.ledger.run import Run
from rftctl.ledger.schema import prepare
from rftctl.ledger.storage import (
    RECOVER_HINT,
    DamagedLedgerError,
    check_when_small,
    connect,
    faults,
    storage,
    writing,
)
from rftctl.redaction import redact_values
from rftctl.wire import JobEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from rftctl.ledger.journal import Fact

_HAPPENED = frozenset({"job", "control"})
"""Kinds of facts that tell what was done outside: kept in either file rather than given up."""


class Ledger:
    """The ledger; safe for many processes at once. Use as a context manager.

    Attributes:
        damage: why the file cannot be trusted, or None. A damaged ledger is read-only: it shows what its
            journal and its readable rows say.
        met_damage: something was read from a damaged ledger.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = Journal(journal_of(path))
        self.damage: str | None = None
        self.met_damage = False
        with storage(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with storage(path):
                self._open()
        except DamagedLedgerError as error:
            self._fall_back(error)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def lock(self, name: str, what: str) -> AbstractContextManager[None]:
        """Hold an OS lock that dies with its process, so there is never a stale one to steal.

        Args:
            name: the lock's file name below the state folder.
            what: what is going on, for the one who comes second.

        Raises:
            BusyError: another process holds it.
        """
        return hold_lock(self.path.parent / "locks" / name, what)

    def add_run(self, run: Run) -> None:
        """Record the intent to launch, before anything leaves this machine.

        Raises:
            StorageError: it could not be recorded, or there is such a run.
        """
        if self._read("SELECT 1 FROM runs WHERE run_id = ? OR launch_id = ?", (run.run_id, run.launch_id)):
            raise StorageError(f"run '{run.run_id}' is in the ledger already", "rftctl runs lists it")
        self._record(run_fact(run), entry_fact(run.run_id, "state", {"state": run.state}))

    def note(self, run_id: str, kind: str, data: dict[str, Any]) -> None:
        """Append one fact about a run: `state`, `job`, `request`, `evaluation`, `cost`."""
        self._record(entry_fact(run_id, kind, data), has_happened=kind in _HAPPENED)

    def set_state(self, run_id: str, state: str, **data: Any) -> None:
        """Append a state, unless it is the state already known."""
        if self._newest(run_id, "state").get("state") != state or data:
            self.note(run_id, "state", {"state": state, **data})

    def newest(self, run_id: str, kind: str) -> dict[str, Any] | None:
        """Return the newest fact of a kind, or None."""
        return self._newest(run_id, kind) or None

    def entries(self, run_id: str) -> list[dict[str, Any]]:
        """Return every fact about a run in order, with `at` (seconds) and `kind`."""
        sql = "SELECT at, kind, data FROM entries WHERE run_id = ? ORDER BY entry_id"
        rows = self._read(sql, (run_id,))
        return [{"at": row["at"], "kind": row["kind"], **json.loads(row["data"])} for row in rows]

    def runs(self) -> list[Run]:
        """Return all runs, newest first."""
        rows = self._read("SELECT * FROM runs ORDER BY created_at DESC, rowid DESC", ())
        return [self._view(row) for row in rows]

    def run(self, name: str | None) -> Run:
        """Find a run by its id, an unambiguous start of it, its job id, or None for the newest.

        Raises:
            UsageError: there is no such run, or more than one.
        """
        runs = self.runs()
        if name is None:
            if not runs:
                raise UsageError("there is no run yet", "start one: rftctl launch SPEC")
            return runs[0]
        exact = [run for run in runs if name in (run.run_id, run.job_id)]
        found = exact or [run for run in runs if run.run_id.startswith(name)]
        if not found:
            raise UsageError(f"there is no run '{name}'", "rftctl runs lists them")
        if len(found) > 1:
            raise UsageError(
                f"'{name}' names {len(found)} runs",
                "give more of the id: " + ", ".join(r.run_id for r in found[:4]),
            )
        return found[0]

    def find_launched(self, spec_sha256: str, provider: str) -> list[Run]:
        """Return the runs of exactly this spec at this provider, newest first."""
        return [run for run in self.runs() if (run.spec_sha256, run.provider) == (spec_sha256, provider)]

    def put_events(self, run_id: str, events: Iterable[JobEvent]) -> None:
        """Keep events; a known id takes the newer body (a resumed job repeats steps)."""
        rows = [
            (
                run_id,
                e.id,
                e.created_at,
                json.dumps(
                    redact_values({"level": e.level, "message": e.message, "type": e.type, "data": e.data})
                ),
            )
            for e in events
        ]
        with self._writing() as db:
            db.executemany(
                "INSERT INTO events VALUES (?,?,?,?) ON CONFLICT DO UPDATE "
                "SET created_at = excluded.created_at, body = excluded.body",
                rows,
            )

    def events(self, run_id: str) -> list[JobEvent]:
        """Return a run's known events, oldest first."""
        sql = "SELECT event_id, created_at, body FROM events WHERE run_id = ? ORDER BY created_at, event_id"
        return [
            JobEvent(id=row["event_id"], created_at=row["created_at"], **json.loads(row["body"]))
            for row in self._read(sql, (run_id,))
        ]

    def upload(self, provider: str, sha256: str) -> str | None:
        """Return the id under which a provider took a file with this content, if it did."""
        rows = self._read("SELECT file_id FROM uploads WHERE provider = ? AND sha256 = ?", (provider, sha256))
        return rows[0]["file_id"] if rows else None

    def uploads(self, provider: str) -> dict[str, str]:
        """Return the files that rftctl gave a provider: file id -> SHA-256 of its content."""
        rows = self._read("SELECT file_id, sha256 FROM uploads WHERE provider = ? ORDER BY at", (provider,))
        return {row["file_id"]: row["sha256"] for row in rows}

    def put_upload(self, provider: str, sha256: str, file_id: str) -> None:
        """Remember a file that a provider took."""
        self._record(upload_fact(provider, sha256, file_id), has_happened=True)

    def drop_upload(self, provider: str, file_id: str) -> None:
        """Forget a file that a provider holds no longer."""
        self._record(upload_gone_fact(provider, file_id), has_happened=True)

    def check(self) -> str | None:
        """Read the whole file and the whole journal; returns what is wrong with them, or None."""
        if self.damage is not None:
            return self.damage
        with storage(self.path):
            found = faults(self._db) or disagreements(self._db, self.journal)
        return f"ledger '{self.path}' is damaged: {'; '.join(found)}" if found else None

    def erase(self, run_id: str) -> Erased:
        """Remove a run for good: from the tables, the journal and every kept copy of the ledger."""
        with storage(self.path):
            self._refuse_if_damaged()
            return erase_run(self._db, self.path, self.journal, run_id)

    def _open(self) -> None:
        self._db = connect(self.path)
        try:
            prepare(self._db, self.path)
            check_when_small(self._db, self.path)
            catch_up(self._db, self.journal)
            keep_reserve(self.path)
        except BaseException:
            self._db.close()
            raise

    def _fall_back(self, error: DamagedLedgerError) -> None:
        self.damage = error.message
        with storage(self.path):
            self._db = view_of_damaged(self.path, self.journal)

    def _record(self, *facts: Fact, has_happened: bool = False) -> None:
        try:
            self._record_once(facts, has_happened)
        except StorageError:
            if not has_happened or self.damage is not None or not release_reserve(self.path):
                raise
            self._record_once(facts, has_happened)

    def _record_once(self, facts: tuple[Fact, ...], has_happened: bool) -> None:
        before = after = 0
        try:
            with self._writing() as db:
                catch_up(db, self.journal, is_writing=True)
                for fact in facts:
                    apply(db, fact)
                before = self.journal.size
                after = self._to_journal(facts, has_happened)
                db.execute("UPDATE journal SET size = ?", (after,))
        except StorageError:
            if after > before and not has_happened:
                self._take_back(before, after)
            raise

    def _to_journal(self, facts: tuple[Fact, ...], has_happened: bool) -> int:
        try:
            return self.journal.append(facts)
        except OSError:
            if not has_happened:
                raise
            # One of the two files is enough to remember what was done; the journal is written anew later.
            return UNWRITTEN

    def _take_back(self, before: int, after: int) -> None:
        # An intent that nobody was told of shall not come back; unless another process took it up meanwhile.
        with suppress(sqlite3.Error, OSError), writing(self._db) as db:
            if known_size(db) == before and self.journal.size == after:
                self.journal.cut(before)

    def _newest(self, run_id: str, kind: str) -> dict[str, Any]:
        sql = "SELECT data FROM entries WHERE run_id = ? AND kind = ? ORDER BY entry_id DESC LIMIT 1"
        rows = self._read(sql, (run_id, kind))
        data: dict[str, Any] = json.loads(rows[0]["data"]) if rows else {}
        return data

    def _view(self, row: sqlite3.Row) -> Run:
        state = self._newest(row["run_id"], "state").get("state", "planned")
        job_id = self._newest(row["run_id"], "job").get("job_id")
        columns = dict(row) | {"overrides": json.loads(row["overrides"])}
        return Run(**columns, state=state, job_id=job_id)

    def _read(self, sql: str, values: tuple[Any, ...]) -> list[sqlite3.Row]:
        self.met_damage |= self.damage is not None
        try:
            with storage(self.path):
                return self._db.execute(sql, values).fetchall()
        except DamagedLedgerError as error:
            if self.damage is not None:
                raise
            self._db.close()
            self._fall_back(error)
            return self._read(sql, values)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with storage(self.path):
            self._refuse_if_damaged()
            with writing(self._db) as db:
                yield db

    def _refuse_if_damaged(self) -> None:
        if self.damage is not None:
            raise DamagedLedgerError(self.damage, RECOVER_HINT)


def journal_of(path: Path) -> Path:
    """Name the journal that lies beside a ledger."""
    return path.with_name(f"{path.stem}.journal.jsonl")
