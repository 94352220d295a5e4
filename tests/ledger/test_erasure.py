"""Erasure: not one byte of the run is left in any file of the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rftctl.ledger import Ledger
from rftctl.ledger.storage import copy_database
from rftctl.wire import JobEvent
from tests.ledger.conftest import add, told

if TYPE_CHECKING:
    from pathlib import Path

NAME = "Erika-Mustermann"


def fill(path: Path) -> None:
    with Ledger(path) as ledger:
        add(ledger, "keep")
        add(ledger, "gone", name=NAME)
        ledger.note("gone", "request", {"body": [NAME] * 2000})
        ledger.note("gone", "job", {"job_id": "j"})
        ledger.put_events("gone", [JobEvent(f"e{n}", 1, "info", NAME, "message", {}) for n in range(500)])
        ledger.note("keep", "job", {"job_id": "k"})


def files_with(folder: Path, text: str) -> list[str]:
    return [p.name for p in folder.rglob("*") if p.is_file() and text.encode() in p.read_bytes()]


def test_nothing_of_a_purged_run_is_left_on_disk(path: Path) -> None:
    fill(path)
    assert files_with(path.parent, NAME)
    with Ledger(path) as ledger:
        erased = ledger.erase("gone")
        assert files_with(path.parent, NAME) == []
        assert [run.run_id for run in ledger.runs()] == ["keep"]
    assert (erased.n_events, erased.is_compacted) == (500, True)
    assert files_with(path.parent, NAME) == []


def test_kept_copies_go_too(path: Path) -> None:
    fill(path)
    copy_database(path, path.with_name("ledger.v1-copy.sqlite"))
    path.with_name("ledger.damaged-20260101-000000.sqlite").write_text(NAME)
    with Ledger(path) as ledger:
        erased = ledger.erase("gone")
    assert len(erased.copies) == 2
    assert files_with(path.parent, NAME) == []


def test_the_other_runs_stay_and_the_journal_agrees(path: Path) -> None:
    fill(path)
    with Ledger(path) as ledger:
        ledger.erase("gone")
    before = told(path)
    path.unlink()
    assert told(path) == before


def test_after_an_erasure_the_rest_is_append_only_again(path: Path) -> None:
    import sqlite3

    import pytest

    fill(path)
    with Ledger(path) as ledger:
        ledger.erase("gone")
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            ledger._db.execute("DELETE FROM entries")


def test_another_reader_delays_the_compaction_and_nothing_else(path: Path) -> None:
    import sqlite3

    fill(path)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM entries").fetchone()
    with Ledger(path) as ledger:
        ledger._db.execute("PRAGMA busy_timeout = 50")
        erased = ledger.erase("gone")
    reader.close()
    with Ledger(path):
        pass
    assert not erased.is_compacted
    assert files_with(path.parent, NAME) == []
