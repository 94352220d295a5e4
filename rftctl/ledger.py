"""What rftctl itself remembers: runs, every step of their launches, their events, evaluations and costs.

In: facts, appended in the order they happened. Out: `Run` views of them. One SQLite file under RFTCTL_HOME.
A fact is committed before the next act in the outside world, so that a crash at any moment leaves either
the intent or the result on disk. Never a secret: keys do not reach this file.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rftctl.errors import BusyError, StorageError, UsageError
from rftctl.wire import JobEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

APPLICATION_ID = 0x52465443
SCHEMA_VERSION = 1
WAL_ATTEMPTS = 200
_SCHEMA = """
CREATE TABLE runs (
  run_id TEXT PRIMARY KEY, name TEXT NOT NULL, spec_path TEXT NOT NULL, spec_sha256 TEXT NOT NULL,
  data_sha256 TEXT NOT NULL, grader_sha256 TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL,
  target TEXT, overrides TEXT NOT NULL, launch_id TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL,
  rftctl_version TEXT NOT NULL, git_commit TEXT
) STRICT;
CREATE TABLE entries (
  entry_id INTEGER PRIMARY KEY, run_id TEXT NOT NULL REFERENCES runs, at REAL NOT NULL,
  kind TEXT NOT NULL, data TEXT NOT NULL
) STRICT;
CREATE INDEX entries_by_run ON entries (run_id, kind);
CREATE TABLE events (
  run_id TEXT NOT NULL REFERENCES runs, event_id TEXT NOT NULL, created_at INTEGER NOT NULL,
  body TEXT NOT NULL, PRIMARY KEY (run_id, event_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE uploads (
  provider TEXT NOT NULL, sha256 TEXT NOT NULL, file_id TEXT NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (provider, sha256)
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One run as the ledger knows it; `state` is the newest state entry, `job_id` None until created.

    States: planned, uploading, sending, unknown, then the job's own status once it exists.
    """

    run_id: str
    name: str
    spec_path: str
    spec_sha256: str
    data_sha256: str
    grader_sha256: str
    provider: str
    model: str
    target: str | None
    overrides: dict[str, str]
    launch_id: str
    created_at: int
    rftctl_version: str
    git_commit: str | None
    state: str = "planned"
    job_id: str | None = None


class Ledger:
    """The ledger file; safe for many processes at once. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _storage(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(path, timeout=10, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._prepare()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @contextmanager
    def lock(self, name: str, what: str) -> Iterator[None]:
        """Hold an OS lock that dies with its process, so there is never a stale one to steal.

        Args:
            name: the lock's file name below the state folder.
            what: what is going on, for the one who comes second.

        Raises:
            BusyError: another process holds it.
        """
        with _storage(self.path):
            folder = self.path.parent / "locks"
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = (folder / name).open("w")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise BusyError(
                    f"another process is {what}", "wait for it, then look: rftctl runs"
                ) from error
            yield

    def add_run(self, run: Run) -> None:
        """Record the intent to launch, before anything leaves this machine."""
        columns = [c for c in Run.__dataclass_fields__ if c not in ("state", "job_id")]
        marks = ",".join("?" * len(columns))
        with self._writing() as db:
            sql = f"INSERT INTO runs ({','.join(columns)}) VALUES ({marks})"  # noqa: S608 - fixed column names
            values = {c: getattr(run, c) for c in columns} | {"overrides": json.dumps(dict(run.overrides))}
            db.execute(sql, list(values.values()))
            self._append(db, run.run_id, "state", {"state": run.state})

    def note(self, run_id: str, kind: str, data: dict[str, Any]) -> None:
        """Append one fact about a run: `state`, `job`, `request`, `evaluation`, `cost`."""
        with self._writing() as db:
            self._append(db, run_id, kind, data)

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
                json.dumps({"level": e.level, "message": e.message, "type": e.type, "data": e.data}),
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

    def put_upload(self, provider: str, sha256: str, file_id: str) -> None:
        """Remember a file that a provider took."""
        with self._writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO uploads VALUES (?,?,?,?)", (provider, sha256, file_id, time.time())
            )

    def _prepare(self) -> None:
        self._use_wal()
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise StorageError(
                f"ledger '{self.path}' was written by a newer rftctl",
                "upgrade rftctl, or set RFTCTL_HOME elsewhere",
            )
        if version == SCHEMA_VERSION:
            return
        with self._writing() as db:
            # Another process may have come first, between the look and the lock.
            if db.execute("PRAGMA user_version").fetchone()[0] == 0:
                self._create(db)

    def _use_wal(self) -> None:
        # Changing the journal mode does not wait for the lock by itself, and many processes may open at once.
        for attempt in range(WAL_ATTEMPTS):
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or attempt == WAL_ATTEMPTS - 1:
                    raise
                time.sleep(0.05)

    def _create(self, db: sqlite3.Connection) -> None:
        if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise StorageError(
                f"'{self.path}' is another program's database", "move it away, or set RFTCTL_HOME"
            )
        for statement in _SCHEMA.split(";\n"):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _append(self, db: sqlite3.Connection, run_id: str, kind: str, data: dict[str, Any]) -> None:
        sql = "INSERT INTO entries (run_id, at, kind, data) VALUES (?,?,?,?)"
        db.execute(sql, (run_id, time.time(), kind, json.dumps(data)))

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
        with _storage(self.path):
            return self._db.execute(sql, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with _storage(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


@contextmanager
def _storage(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StorageError(
            f"ledger '{path}' cannot be used: {error}",
            "free disk space, mend the permissions, or set RFTCTL_HOME",
        ) from error
