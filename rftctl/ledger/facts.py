"""From facts to rows and back: how the journal and the tables say the same.

In: a connection in its write transaction. Out: rows for facts, or facts for rows.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from typing import TYPE_CHECKING, Any

from rftctl.ledger.journal import Fact
from rftctl.ledger.run import COLUMNS, Run
from rftctl.redaction import redact, redact_values

if TYPE_CHECKING:
    from collections.abc import Iterator

_RUN_SQL = f"INSERT OR IGNORE INTO runs ({','.join(COLUMNS)}) VALUES ({','.join('?' * len(COLUMNS))})"  # noqa: S608 - fixed column names
_ENTRY_SQL = "INSERT OR IGNORE INTO entries (run_id, at, kind, data, fact_id) VALUES (?,?,?,?,?)"


def run_fact(run: Run) -> Fact:
    """Say that a run is planned; keys among its values are masked."""
    columns = redact_values({name: getattr(run, name) for name in COLUMNS})
    columns["overrides"] = dict(columns["overrides"])
    return Fact("run", f"run-{run.run_id}", time.time(), run.run_id, "", columns)


def entry_fact(run_id: str, kind: str, data: dict[str, Any]) -> Fact:
    """Say something about a run; keys among its values are masked."""
    return Fact("entry", secrets.token_hex(8), time.time(), run_id, kind, redact_values(data))


def upload_fact(provider: str, sha256: str, file_id: str) -> Fact:
    """Say that a provider took a file."""
    data = {"provider": provider, "sha256": sha256, "file_id": redact(file_id)}
    return Fact("upload", secrets.token_hex(8), time.time(), "", "", data)


def upload_gone_fact(provider: str, file_id: str) -> Fact:
    """Say that a provider holds a file no longer."""
    return Fact(
        "upload-gone", secrets.token_hex(8), time.time(), "", "", {"provider": provider, "file_id": file_id}
    )


def apply(db: sqlite3.Connection, fact: Fact) -> None:
    """Write a fact into the tables; one that stands there already changes nothing.

    Raises:
        sqlite3.IntegrityError: an entry whose run nobody knows.
    """
    if fact.what == "run":
        values = fact.data | {"overrides": json.dumps(fact.data.get("overrides") or {})}
        db.execute(_RUN_SQL, [values.get(name) for name in COLUMNS])
    elif fact.what == "entry":
        db.execute(_ENTRY_SQL, (fact.run_id, fact.at, fact.kind, json.dumps(fact.data), fact.fact_id))
    elif fact.what == "upload":
        row = (fact.data["provider"], fact.data["sha256"], fact.data["file_id"], fact.at)
        db.execute("INSERT OR REPLACE INTO uploads VALUES (?,?,?,?)", row)
    else:
        gone = (fact.data["provider"], fact.data["file_id"])
        db.execute("DELETE FROM uploads WHERE provider = ? AND file_id = ?", gone)


def apply_readable(db: sqlite3.Connection, fact: Fact) -> bool:
    """Write a fact that may be odd, as a damaged file gives it; returns whether it fitted."""
    try:
        apply(db, fact)
    except (sqlite3.IntegrityError, KeyError, TypeError):
        return False
    return True


def facts_of_tables(db: sqlite3.Connection) -> Iterator[Fact]:
    """Read the tables back as facts: each run, its entries in order, then the uploads."""
    for row in db.execute("SELECT * FROM runs ORDER BY rowid"):
        columns = {**dict(row), "overrides": json.loads(row["overrides"])}
        yield Fact("run", f"run-{row['run_id']}", float(row["created_at"]), row["run_id"], "", columns)
    for row in db.execute("SELECT * FROM entries ORDER BY entry_id"):
        yield entry_of(row)
    for row in db.execute("SELECT * FROM uploads ORDER BY at"):
        data = {name: row[name] for name in ("provider", "sha256", "file_id")}
        yield Fact("upload", secrets.token_hex(8), row["at"], "", "", data)


def entry_of(row: sqlite3.Row | dict[str, Any]) -> Fact:
    """Read one row of `entries`."""
    return Fact("entry", row["fact_id"], row["at"], row["run_id"], row["kind"], json.loads(row["data"]))
