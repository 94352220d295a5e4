"""Erasing a run, so that nothing of it is left in any file of the ledger.

In: a run's id. Out: `Erased`. Freed pages are overwritten (`secure_delete`), the file is compacted, the
journal is written anew, and kept copies of older ledgers, which hold the run as well, are removed.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rftctl.ledger.facts import facts_of_tables
from rftctl.ledger.rebuild import catch_up
from rftctl.ledger.storage import writing

if TYPE_CHECKING:
    from pathlib import Path

    from rftctl.ledger.journal import Journal


@dataclass(frozen=True, slots=True)
class Erased:
    """What was removed.

    Attributes:
        copies: names of the kept copies that went too.
        is_compacted: False while another process reads the ledger; the last old page goes when it leaves.
    """

    n_entries: int
    n_events: int
    copies: tuple[str, ...]
    is_compacted: bool


def erase_run(db: sqlite3.Connection, path: Path, journal: Journal, run_id: str) -> Erased:
    """Remove a run from the tables, the journal and every kept copy."""
    with writing(db):
        catch_up(db, journal, is_writing=True)
        db.execute("INSERT INTO erasing VALUES (?)", (run_id,))
        n_events = db.execute("DELETE FROM events WHERE run_id = ?", (run_id,)).rowcount
        n_entries = db.execute("DELETE FROM entries WHERE run_id = ?", (run_id,)).rowcount
        db.execute("DELETE FROM runs WHERE run_id = ?", (run_id,))
        db.execute("DELETE FROM erasing")
        # Inside the transaction: a crash in between finds a journal of another size, and the run whole.
        size = journal.replace(facts_of_tables(db))
        db.execute("UPDATE journal SET size = ?", (size,))
    return Erased(n_entries, n_events, _remove_copies(path), _compact(db))


def kept_copies(path: Path) -> list[Path]:
    """List the copies of older or damaged ledgers that lie beside a ledger."""
    patterns = (f"{path.stem}.v*-copy{path.suffix}*", f"{path.stem}.damaged-*", f"{path.stem}.*unfinished")
    return sorted(found for pattern in patterns for found in path.parent.glob(pattern))


def _remove_copies(path: Path) -> tuple[str, ...]:
    copies = kept_copies(path)
    for copy in copies:
        copy.unlink(missing_ok=True)
    return tuple(copy.name for copy in copies)


def _compact(db: sqlite3.Connection) -> bool:
    try:
        db.execute("VACUUM")
        is_busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise
        return False
    return not is_busy
