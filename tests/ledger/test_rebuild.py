"""Agreement of journal and tables: after a crash, after damage, and with no database at all."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from rftctl.errors import StorageError
from rftctl.ledger import Ledger
from rftctl.ledger.book import journal_of
from rftctl.ledger.journal import Journal
from rftctl.ledger.rebuild import rebuild
from rftctl.wire import JobEvent
from tests.ledger.conftest import add, start_writer, told

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def filled(path: Path) -> Path:
    """Give the test a ledger with two runs, a job, an upload and events."""
    with Ledger(path) as ledger:
        add(ledger, "r-1", overrides={"a": "b"})
        add(ledger, "r-2", 2)
        ledger.put_upload("openai", "sha", "file-1")
        for state in ("uploading", "sending", "running"):
            ledger.set_state("r-1", state)
        ledger.note("r-1", "job", {"job_id": "ftjob-1"})
        events = [JobEvent(f"e{n}", n, "info", "x" * 300, "metrics", {}) for n in range(200)]
        ledger.put_events("r-1", events)
    return path


def remove_database(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def spoil(path: Path, *, first_page: int, n_pages: int = 1) -> None:
    """Overwrite pages of a closed database."""
    with path.open("r+b") as file:
        file.seek((first_page - 1) * 4096)
        file.write(b"\xa5" * 4096 * n_pages)


def without_events(known: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in known.items() if name != "events"}


def test_without_its_database_a_ledger_comes_back_from_the_journal(filled: Path) -> None:
    before = without_events(told(filled))
    remove_database(filled)
    assert without_events(told(filled)) == before


def test_without_its_journal_a_ledger_writes_it_anew(filled: Path) -> None:
    before = told(filled)
    journal_of(filled).unlink()
    assert told(filled) == before
    remove_database(filled)
    assert without_events(told(filled)) == without_events(before)


def test_an_older_copy_of_the_database_takes_up_what_came_since(filled: Path) -> None:
    old = filled.read_bytes()
    with Ledger(filled) as ledger:
        ledger.note("r-2", "job", {"job_id": "ftjob-2"})
    before = without_events(told(filled))
    remove_database(filled)
    filled.write_bytes(old)
    assert without_events(told(filled)) == before


KILLED_BEFORE_THE_COMMIT = """
    import os, signal
    from rftctl.ledger.journal import Journal
    class Killed(Journal):
        def append(self, facts):
            super().append(facts)
            os.kill(os.getpid(), signal.SIGKILL)
    ledger = Ledger(path)
    ledger.journal = Killed(ledger.journal.path)
    ledger.note("r-2", "job", {"job_id": "ftjob-7"})
"""


def test_a_process_killed_between_journal_and_commit_keeps_the_job_id(filled: Path) -> None:
    writer = start_writer(filled, KILLED_BEFORE_THE_COMMIT)
    assert writer.communicate() == ("", "")
    assert writer.returncode == -signal.SIGKILL
    with Ledger(filled) as ledger:
        assert ledger.run("r-2").job_id == "ftjob-7"
        assert ledger.entries("r-2")[-1]["kind"] == "job"


def test_an_intent_whose_commit_fails_does_not_come_back(filled: Path) -> None:
    with Ledger(filled) as ledger:
        pages = ledger._db.execute("PRAGMA page_count").fetchone()[0]
        ledger._db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StorageError, match="full"):
            ledger.note("r-2", "sending", {"x": "y" * 100_000})
    with Ledger(filled) as ledger:
        assert ledger.newest("r-2", "sending") is None


@pytest.mark.parametrize("n_bytes", [0, 10, 4096, 5000])
def test_a_database_cut_short_is_read_from_its_journal(filled: Path, n_bytes: int) -> None:
    before = without_events(told(filled))
    os.truncate(filled, n_bytes)
    assert without_events(told(filled)) == before


def test_a_damaged_ledger_shows_its_runs_and_refuses_to_write(filled: Path) -> None:
    spoil(filled, first_page=2, n_pages=3)
    with Ledger(filled) as ledger:
        assert [run.run_id for run in ledger.runs()] == ["r-2", "r-1"]
        assert ledger.run("r-1").job_id == "ftjob-1"
        with pytest.raises(StorageError, match="damaged") as caught:
            ledger.note("r-1", "x", {})
        assert "rftctl runs recover" in caught.value.hint
        assert ledger.met_damage


def test_a_file_that_is_no_database_is_a_damaged_ledger(path: Path) -> None:
    path.write_text("hello, this is no database at all " * 100)
    with Ledger(path) as ledger:
        assert "damaged" in (ledger.damage or "")
        assert ledger.runs() == []


@pytest.mark.parametrize("first_page", range(1, 12))
def test_rebuilt_after_damage_on_any_page_it_knows_everything_again(filled: Path, first_page: int) -> None:
    before = told(filled)
    spoil(filled, first_page=first_page)
    found = rebuild(filled, Journal(journal_of(filled)))
    assert without_events(told(filled)) == without_events(before)
    assert found.aside is not None
    assert found.aside.exists()
    with closing(sqlite3.connect(filled)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_without_its_journal_a_damaged_ledger_is_read_from_what_is_left_of_it(filled: Path) -> None:
    before = told(filled)
    journal_of(filled).unlink()
    spoil(filled, first_page=filled.stat().st_size // 4096)
    found = rebuild(filled, Journal(journal_of(filled)))
    after = told(filled)
    assert without_events(after) == without_events(before)
    assert (found.n_facts, found.n_salvaged > 8) == (0, True)


def test_a_rebuilt_ledger_keeps_events_and_order_from_the_damaged_one(filled: Path) -> None:
    before = told(filled)
    lines = journal_of(filled).read_bytes().splitlines(keepends=True)
    journal_of(filled).write_bytes(b"".join([*lines[:4], b"torn\n", *lines[6:]]))
    found = rebuild(filled, Journal(journal_of(filled)))
    assert told(filled) == before
    assert (found.n_unreadable, found.n_salvaged) == (1, 202)
