"""Bringing the tables and the journal to agreement, after a crash or after damage.

In: a journal, a database that lacks something, or is broken. Out: one that holds every fact that either had.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rftctl.ledger.facts import apply_readable, entry_of, facts_of_tables
from rftctl.ledger.journal import Reading
from rftctl.ledger.schema import make_tables
from rftctl.ledger.storage import connect_to_read, sync, writing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rftctl.ledger.journal import Journal

UNWRITTEN = -1
"""Stands for the journal's size when it lacks something that the tables have."""
_IN_ORDER = """
INSERT INTO erasing SELECT run_id FROM runs;
CREATE TEMP TABLE merged AS SELECT run_id, at, kind, data, fact_id FROM entries ORDER BY at, entry_id;
DELETE FROM entries;
INSERT INTO entries (run_id, at, kind, data, fact_id) SELECT * FROM merged ORDER BY rowid;
DROP TABLE merged;
DELETE FROM erasing
"""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuilt ledger was made of.

    Attributes:
        n_facts: read from the journal.
        n_unreadable: lines of the journal that were torn or altered.
        n_left_out: facts about runs of which nothing else is known.
        n_salvaged: rows that only the damaged database still had, events included.
        aside: where the damaged database lies now, or None when there was none.
    """

    n_facts: int
    n_unreadable: int
    n_left_out: int
    n_salvaged: int
    aside: Path | None = None


def catch_up(db: sqlite3.Connection, journal: Journal, *, is_writing: bool = False) -> None:
    """Take up what the journal has and the tables lack, or write the journal anew when it lacks something.

    Args:
        is_writing: the connection holds the write transaction already.
    """
    if known_size(db) == journal.size:
        return
    if is_writing:
        _catch_up(db, journal)
    else:
        with writing(db):
            _catch_up(db, journal)


def disagreements(db: sqlite3.Connection, journal: Journal) -> list[str]:
    """Compare every fact of the journal with the tables; returns what one of them lacks."""
    seen, n_lacking = set(), 0
    stored = {row[0] for row in db.execute("SELECT fact_id FROM entries")}
    stored |= {f"run-{row[0]}" for row in db.execute("SELECT run_id FROM runs")}
    for fact in journal.facts():
        if fact.what in ("run", "entry"):
            seen.add(fact.fact_id)
            n_lacking += fact.fact_id not in stored
    said = (
        (n_lacking, "facts of the journal are not in the database"),
        (len(stored - seen), "facts of the database are not in the journal"),
    )
    return [f"{count} {what}" for count, what in said if count]


def view_of_damaged(path: Path, journal: Journal) -> sqlite3.Connection:
    """Return a read-only database in memory that holds what a damaged ledger and its journal still say."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.row_factory = sqlite3.Row
    _fill(db, path, journal)
    db.execute("PRAGMA query_only = ON")
    return db


def rebuild(path: Path, journal: Journal) -> Rebuilt:
    """Build a ledger anew from its journal and what can still be read of it; the damaged file is kept."""
    fresh = path.with_name(path.name + ".unfinished")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    with closing(sqlite3.connect(fresh, isolation_level=None)) as db:
        db.row_factory = sqlite3.Row
        found = _fill(db, path, journal)
    sync(fresh)
    aside = _put_aside(path)
    fresh.replace(path)
    sync(path.parent)
    return Rebuilt(found.n_facts, found.n_unreadable, found.n_left_out, found.n_salvaged, aside)


def _catch_up(db: sqlite3.Connection, journal: Journal) -> None:
    known, size = known_size(db), journal.size
    if known == size:
        return
    reading = Reading()
    is_shorter = known < 0 or size < known
    for fact in journal.facts(0 if is_shorter else known, reading):
        apply_readable(db, fact)
    if reading.n_unreadable and not is_shorter:
        # Perhaps it is another file than the one whose size we know: what is known already changes nothing.
        for fact in journal.facts():
            apply_readable(db, fact)
    if is_shorter or reading.n_unreadable:
        # Torn lines go with it: the tables have all that can be read.
        size = journal.replace(facts_of_tables(db))
    db.execute("UPDATE journal SET size = ?", (size,))


def known_size(db: sqlite3.Connection) -> int:
    """Return how many bytes of the journal the tables contain."""
    return int(db.execute("SELECT size FROM journal").fetchone()[0])


def _fill(db: sqlite3.Connection, damaged: Path, journal: Journal) -> Rebuilt:
    reading, n_left_out = Reading(), 0
    with writing(db):
        make_tables(db)
        for fact in journal.facts(0, reading):
            n_left_out += not apply_readable(db, fact)
        n_salvaged = _salvage(db, damaged)
        db.execute("UPDATE journal SET size = ?", (UNWRITTEN,))
    return Rebuilt(reading.n_facts, reading.n_unreadable, n_left_out, n_salvaged)


def _salvage(db: sqlite3.Connection, damaged: Path) -> int:
    if not damaged.is_file():
        return 0
    n_before = _count(db)
    try:
        with closing(connect_to_read(damaged)) as source:
            _copy_readable(source, db)
    except sqlite3.Error:
        # Nothing at all can be read, or nothing more.
        pass
    return _count(db) - n_before


def _copy_readable(source: sqlite3.Connection, db: sqlite3.Connection) -> None:
    for row in _readable(source, "runs", "run_id"):
        _insert(db, "runs", dict(row))
    n_entries = _count_of(db, "entries")
    for row in _readable(source, "entries", "entry_id"):
        columns = dict(row)
        fact_id = columns.get("fact_id") or f"row-{columns.pop('entry_id')}"
        apply_readable(db, entry_of({**columns, "fact_id": fact_id}))
    if _count_of(db, "entries") > n_entries:
        for statement in _IN_ORDER.split(";\n"):
            db.execute(statement)
    for row in _readable(source, "events", "event_id"):
        _insert(db, "events", dict(row))
    for row in _readable(source, "uploads", "file_id"):
        _insert(db, "uploads", dict(row))


def _readable(source: sqlite3.Connection, table: str, key: str) -> Iterator[sqlite3.Row]:
    # From both ends towards the broken page; a row seen twice is taken once.
    for direction in ("ASC", "DESC"):
        try:
            yield from source.execute(f"SELECT * FROM {table} ORDER BY {key} {direction}")  # noqa: S608 - fixed names
        except sqlite3.DatabaseError:
            continue
        return


def _insert(db: sqlite3.Connection, table: str, columns: dict[str, object]) -> None:
    names, marks = ",".join(columns), ",".join("?" * len(columns))
    try:
        db.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", list(columns.values()))  # noqa: S608 - column names of our own tables
    except sqlite3.IntegrityError:
        return


def _count(db: sqlite3.Connection) -> int:
    return sum(_count_of(db, table) for table in ("runs", "entries", "events", "uploads"))


def _count_of(db: sqlite3.Connection, table: str) -> int:
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - fixed names


def _put_aside(path: Path) -> Path | None:
    if not path.exists():
        return None
    aside = path.with_name(f"{path.stem}.damaged-{time.strftime('%Y%m%d-%H%M%S')}{path.suffix}")
    log = path.with_name(path.name + "-wal")
    if log.exists():
        log.replace(aside.with_name(aside.name + "-wal"))
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    path.replace(aside)
    return aside
