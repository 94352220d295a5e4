"""The service's memory: one SQLite file and a folder of uploads.

In: the service home. Out: `Store`, which hands out short transactions that many processes share.
WAL with full sync: what was answered is on disk. Every write is BEGIN IMMEDIATE, so that two processes
queue instead of failing halfway.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rftctl.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APPLICATION_ID = 0x52465431
SCHEMA_VERSION = 1
BUSY_TIMEOUT_S = 10.0

_SCHEMA = """
CREATE TABLE files (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, bytes INTEGER NOT NULL, created_at INTEGER NOT NULL,
    filename TEXT NOT NULL, purpose TEXT NOT NULL, sha256 TEXT NOT NULL, expires_at INTEGER
) STRICT;
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL, status TEXT NOT NULL,
    wish TEXT NOT NULL DEFAULT 'continue', turn INTEGER NOT NULL, model TEXT NOT NULL, seed INTEGER NOT NULL,
    request TEXT NOT NULL, settings TEXT, error TEXT, fine_tuned_model TEXT UNIQUE, finished_at INTEGER,
    trained_tokens INTEGER, result_file TEXT, last_step INTEGER NOT NULL DEFAULT 0, total_steps INTEGER,
    detail TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, job_id TEXT NOT NULL REFERENCES jobs (id),
    created_at INTEGER NOT NULL, level TEXT NOT NULL, message TEXT NOT NULL, step INTEGER, data TEXT
) STRICT;
CREATE INDEX events_of_job ON events (job_id, seq);
CREATE TABLE checkpoints (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, job_id TEXT NOT NULL REFERENCES jobs (id),
    created_at INTEGER NOT NULL, step INTEGER NOT NULL, name TEXT NOT NULL UNIQUE, folder TEXT NOT NULL,
    has_optimizer INTEGER NOT NULL, valid_reward REAL, metrics TEXT NOT NULL, UNIQUE (job_id, step)
) STRICT;
CREATE TABLE rollouts (
    seq INTEGER PRIMARY KEY, job_id TEXT NOT NULL REFERENCES jobs (id), step INTEGER NOT NULL,
    split TEXT NOT NULL, line_number INTEGER NOT NULL, output_text TEXT NOT NULL, output_tools TEXT NOT NULL,
    finish_reason TEXT NOT NULL, completion_tokens INTEGER NOT NULL, reward REAL, sub_rewards TEXT NOT NULL,
    errors TEXT NOT NULL, bytes INTEGER NOT NULL
) STRICT;
CREATE INDEX rollouts_of_step ON rollouts (job_id, step, split);
"""


class Store:
    """An open service store; usable from many threads and, opened again, from many processes.

    Args:
        home: the service home; made when absent, readable by its owner only.

    Raises:
        StorageError: the folder or the database cannot be used, or a newer rftctl wrote it.
    """

    def __init__(self, home: Path) -> None:
        # Workers run in folders of their own.
        home = home.absolute()
        self.home = home
        self._lock = threading.RLock()
        with storage_errors(home):
            for folder in (home, home / "files", home / "jobs"):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = home / "service.sqlite"
            path.touch(mode=0o600)
            self._connection = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._connection.row_factory = sqlite3.Row
            self._prepare()

    def _prepare(self) -> None:
        self._use_wal()
        for pragma in ("synchronous = FULL", "foreign_keys = ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        if self._version() == 0:
            with self.writing() as connection:
                # Another process may have been first while this one waited for the lock.
                if self._version() == 0:
                    _create(connection)
        owner = self._connection.execute("PRAGMA application_id").fetchone()[0]
        if owner != APPLICATION_ID or self._version() != SCHEMA_VERSION:
            raise StorageError(
                f"service store '{self.home}' has format {self._version()}, not {SCHEMA_VERSION}",
                "install the newer rftctl, or move that folder away",
            )

    def _use_wal(self) -> None:
        # The switch does not wait for a lock: processes that open a new store at once must ask again.
        deadline = time.monotonic() + BUSY_TIMEOUT_S
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Hold a write transaction; committed on leaving, rolled back on any exception."""
        with self._lock, storage_errors(self.home):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def read(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Run one query and return its rows."""
        with self._lock, storage_errors(self.home):
            return self._connection.execute(sql, values).fetchall()

    def read_one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """Run one query and return its first row, or None."""
        rows = self.read(sql, *values)
        return rows[0] if rows else None

    def job_folder(self, job_id: str) -> Path:
        """Name the folder of a job: its locks, log and checkpoints."""
        return self.home / "jobs" / job_id

    def close(self) -> None:
        """Close the database; may be called twice."""
        with self._lock:
            self._connection.close()


def new_id(prefix: str) -> str:
    """Make an id in the wire's form: `file-...`, `ftjob-...`, `ftevent-...`."""
    return f"{prefix}-{secrets.token_hex(12)}"


@contextmanager
def storage_errors(home: Path) -> Iterator[None]:
    """Turn what SQLite and the file system say into a StorageError."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StorageError(
            f"service store '{home}' failed: {error}", "free some space, or set RFTCTL_HOME to another folder"
        ) from error


def _create(connection: sqlite3.Connection) -> None:
    for statement in _SCHEMA.split(";"):
        if statement.strip():
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
