"""How the ledger's file is opened, and what its failures mean.

In: the path of a SQLite file. Out: a connection whose commits are durable, or a StorageError with a way out.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from rftctl.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAL_ATTEMPTS = 200
QUICK_CHECK_LIMIT = 8 << 20
"""Bytes up to which the whole file is checked at every open (milliseconds); larger ones only on doubt."""
RECOVER_HINT = "rftctl runs recover builds it anew; until then it is read-only"
_DAMAGE_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_DAMAGE_WORDS = ("no such table", "no such column", "malformed")


class DamagedLedgerError(StorageError):
    """The ledger's file holds no longer what was written into it."""


@contextmanager
def storage(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system say into a StorageError; damage is told apart from a full disk."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if is_damage(error):
            raise DamagedLedgerError(f"ledger '{path}' is damaged: {error}", RECOVER_HINT) from error
        raise StorageError(
            f"ledger '{path}' cannot be used: {error}",
            "free disk space, mend the permissions, or set RFTCTL_HOME",
        ) from error


def is_damage(error: BaseException) -> bool:
    """Tell whether an error says that the file itself is broken, and not its surroundings."""
    if not isinstance(error, sqlite3.Error):
        return False
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in _DAMAGE_CODES or any(word in str(error) for word in _DAMAGE_WORDS)


def connect(path: Path) -> sqlite3.Connection:
    """Open a SQLite file for durable writes: WAL, synchronous FULL, foreign keys, ten seconds of patience."""
    if not path.exists():
        # SQLite would make it readable for everybody.
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    db = sqlite3.connect(path, timeout=10, isolation_level=None)
    try:
        _use_wal(db)
        for pragma in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
            db.execute(f"PRAGMA {pragma}")
    except BaseException:
        db.close()
        raise
    db.row_factory = sqlite3.Row
    return db


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open a SQLite file that must not be touched: a damaged ledger, or a copy of one."""
    # Quoting as SQLite's URIs want it: `?` and `#` end a path there.
    quoted = str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    db = sqlite3.connect(f"file:{quoted}?mode=ro", uri=True, timeout=10, isolation_level=None)
    db.row_factory = sqlite3.Row
    return db


@contextmanager
def writing(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Hold the one write transaction that all processes share; rolled back on any exception."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def faults(db: sqlite3.Connection) -> list[str]:
    """Check the whole file; returns what SQLite finds wrong, nothing when it is sound."""
    found = [str(row[0]) for row in db.execute("PRAGMA quick_check(5)")]
    return [] if found == ["ok"] else found


def check_when_small(db: sqlite3.Connection, path: Path) -> None:
    """Check a small file entirely, before anything is read from it.

    Raises:
        sqlite3.DatabaseError: it is damaged.
    """
    if path.stat().st_size <= QUICK_CHECK_LIMIT and (found := faults(db)):
        raise sqlite3.DatabaseError(f"malformed: {found[0]}")


def copy_database(path: Path, copy: Path) -> None:
    """Write a whole, synced copy of a live database; the copy appears complete or not at all."""
    unfinished = copy.with_name(copy.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    with closing(connect_to_read(path)) as source, closing(sqlite3.connect(unfinished)) as target:
        source.backup(target)
    sync(unfinished)
    unfinished.replace(copy)
    sync(copy.parent)


def sync(path: Path) -> None:
    """Have a file's bytes, or a folder's names, on the disk before going on."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _use_wal(db: sqlite3.Connection) -> None:
    # Changing the journal mode does not wait for the lock by itself, and many processes may open at once.
    for attempt in range(WAL_ATTEMPTS):
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or attempt == WAL_ATTEMPTS - 1:
                raise
            time.sleep(0.05)
