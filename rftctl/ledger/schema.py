"""The ledger's tables, and how an older ledger becomes a newer one.

In: a connection that holds the write transaction. Out: the tables of `SCHEMA_VERSION`.
A ledger is copied before it is migrated, and one of a newer rftctl is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rftctl.errors import StorageError
from rftctl.ledger.storage import copy_database, writing

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

APPLICATION_ID = 0x52465443
SCHEMA_VERSION = 2

_TABLES = """
CREATE TABLE runs (
  run_id TEXT PRIMARY KEY, name TEXT NOT NULL, spec_path TEXT NOT NULL, spec_sha256 TEXT NOT NULL,
  data_sha256 TEXT NOT NULL, grader_sha256 TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL,
  target TEXT, overrides TEXT NOT NULL, launch_id TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL,
  rftctl_version TEXT NOT NULL, git_commit TEXT
) STRICT;
CREATE TABLE entries (
  entry_id INTEGER PRIMARY KEY, run_id TEXT NOT NULL REFERENCES runs, at REAL NOT NULL,
  kind TEXT NOT NULL, data TEXT NOT NULL, fact_id TEXT
) STRICT;
CREATE INDEX entries_by_run ON entries (run_id, kind);
CREATE TABLE events (
  run_id TEXT NOT NULL REFERENCES runs, event_id TEXT NOT NULL, created_at INTEGER NOT NULL,
  body TEXT NOT NULL, PRIMARY KEY (run_id, event_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE uploads (
  provider TEXT NOT NULL, sha256 TEXT NOT NULL, file_id TEXT NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (provider, sha256)
) STRICT, WITHOUT ROWID
"""
# `journal` holds how much of the journal these tables contain; `erasing` names the run being purged, and is
# empty but for the length of that one transaction.
_GUARDS = """
CREATE UNIQUE INDEX entries_by_fact ON entries (fact_id);
CREATE TABLE journal (size INTEGER NOT NULL) STRICT;
INSERT INTO journal VALUES (0);
CREATE TABLE erasing (run_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TRIGGER runs_stay BEFORE DELETE ON runs WHEN OLD.run_id NOT IN (SELECT run_id FROM erasing)
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only') /*;*/ END;
CREATE TRIGGER entries_stay BEFORE DELETE ON entries WHEN OLD.run_id NOT IN (SELECT run_id FROM erasing)
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only') /*;*/ END;
CREATE TRIGGER runs_keep BEFORE UPDATE ON runs
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only') /*;*/ END;
CREATE TRIGGER entries_keep BEFORE UPDATE ON entries
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only') /*;*/ END
"""


def make_tables(db: sqlite3.Connection) -> None:
    """Make the tables of an empty database."""
    _run_statements(db, _TABLES)
    _run_statements(db, _GUARDS)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def prepare(db: sqlite3.Connection, path: Path) -> None:
    """Bring a database to `SCHEMA_VERSION`: made when empty, migrated when older.

    Raises:
        StorageError: a newer rftctl, or another program, made it.
    """
    version = _version(db)
    if version and db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise _strange(path)
    if version == SCHEMA_VERSION:
        return
    if version > SCHEMA_VERSION:
        raise StorageError(
            f"ledger '{path}' was written by a newer rftctl", "upgrade rftctl, or set RFTCTL_HOME elsewhere"
        )
    with writing(db):
        # Another process may have come first, between the look and the lock.
        version = _version(db)
        if version == 0:
            _refuse_strangers(db, path)
            make_tables(db)
        elif version < SCHEMA_VERSION:
            _migrate(db, path, version)


def _migrate(db: sqlite3.Connection, path: Path, version: int) -> None:
    # Copied while the write lock is held: nothing can come between the copy and the first change.
    copy_database(path, path.with_name(f"{path.stem}.v{version}-copy{path.suffix}"))
    for step in range(version, SCHEMA_VERSION):
        _STEPS[step](db)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _from_1_to_2(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE entries ADD COLUMN fact_id TEXT")
    db.execute("UPDATE entries SET fact_id = lower(hex(randomblob(8)))")
    _run_statements(db, _GUARDS)
    # Version 1 had no journal: it is written at the first open.
    db.execute("UPDATE journal SET size = -1")


_STEPS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _from_1_to_2}


def _refuse_strangers(db: sqlite3.Connection, path: Path) -> None:
    if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise _strange(path)


def _strange(path: Path) -> StorageError:
    return StorageError(f"'{path}' is another program's database", "move it away, or set RFTCTL_HOME")


def _run_statements(db: sqlite3.Connection, text: str) -> None:
    for statement in text.split(";\n"):
        # A trigger's body ends its own statement; the mark keeps it from being taken for the end of all.
        db.execute(statement.replace("/*;*/", ";"))


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
