"""Migrations and guards: an older ledger is copied before it changes, and what was written stays."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from rftctl.errors import StorageError
from rftctl.ledger import SCHEMA_VERSION, Ledger
from rftctl.ledger.schema import APPLICATION_ID
from tests.ledger.conftest import add, start_writer

if TYPE_CHECKING:
    from pathlib import Path

VERSION_1 = """
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
INSERT INTO runs VALUES
  ('old-1', 'old', '/s', 's', 'd', 'g', 'openai', 'm', NULL, '{"a": "b"}', 'l1', 7, '0', NULL);
INSERT INTO entries VALUES (1, 'old-1', 1.0, 'state', '{"state": "sending"}');
INSERT INTO entries VALUES (2, 'old-1', 2.0, 'job', '{"job_id": "ftjob-1"}');
INSERT INTO entries VALUES (3, 'old-1', 3.0, 'state', '{"state": "running"}');
INSERT INTO events VALUES
  ('old-1', 'e1', 5, '{"level": "info", "message": "hi", "type": "message", "data": {}}');
INSERT INTO uploads VALUES ('openai', 'sha', 'file-1', 1.5);
PRAGMA application_id = 1380340803;
PRAGMA user_version = 1;
"""


@pytest.fixture
def old(path: Path) -> Path:
    """Give the test a ledger as version 1 left it."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(VERSION_1)
    return path


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def test_a_ledger_of_version_1_becomes_one_of_today_and_keeps_everything(old: Path) -> None:
    with Ledger(old) as ledger:
        run = ledger.run("old-1")
        assert (run.state, run.job_id, run.overrides) == ("running", "ftjob-1", {"a": "b"})
        assert [e["kind"] for e in ledger.entries("old-1")] == ["state", "job", "state"]
        assert [e.id for e in ledger.events("old-1")] == ["e1"]
        assert ledger.upload("openai", "sha") == "file-1"
        ledger.set_state("old-1", "succeeded")
    assert version_of(old) == SCHEMA_VERSION


def test_it_is_copied_before_it_is_changed(old: Path) -> None:
    with Ledger(old):
        pass
    copy = old.with_name("ledger.v1-copy.sqlite")
    assert version_of(copy) == 1
    assert copy.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("SELECT count(*) FROM entries").fetchone() == (3,)


def test_a_migrated_ledger_has_a_journal_of_all_that_was_before(old: Path) -> None:
    with Ledger(old) as ledger:
        assert [f.what for f in ledger.journal.facts()] == ["run", "entry", "entry", "entry", "upload"]


def test_many_processes_may_migrate_at_once(old: Path) -> None:
    body = """
        import time
        time.sleep(max(0.0, float(sys.argv[2]) - time.time()))
        with Ledger(path) as ledger:
            sys.stdout.write(ledger.run("old-1").job_id)
    """
    import time

    movers = [start_writer(old, body, str(time.time() + 2)) for _ in range(4)]
    assert [m.communicate() for m in movers] == [("ftjob-1", "")] * 4


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE entries SET data = '{}'",
        "DELETE FROM entries",
        "UPDATE runs SET name = 'x'",
        "DELETE FROM runs",
        "DELETE FROM entries WHERE kind = 'job'",
    ],
)
def test_what_was_written_can_be_neither_changed_nor_removed(path: Path, sql: str) -> None:
    with Ledger(path) as ledger:
        add(ledger, "r-1")
        ledger.note("r-1", "job", {"job_id": "j"})
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            ledger._db.execute(sql)


def test_the_newest_tables_of_another_program_are_not_ours(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"CREATE TABLE theirs (x); PRAGMA user_version = {SCHEMA_VERSION};")
    with pytest.raises(StorageError, match="another program"):
        Ledger(path)


def test_the_mark_of_a_ledger_is_its_own(path: Path) -> None:
    with Ledger(path) as ledger:
        assert ledger._db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
