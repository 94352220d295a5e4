"""Uploaded files: bytes on disk under their id, the rest in the store.

In: bytes or a temporary file. Out: `FileRow`. A file is whole or absent: written aside, synced, renamed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from rftctl.server.jobs import dataset_path, jobs_in
from rftctl.server.paging import fetch_page
from rftctl.server.refusal import RefusalError
from rftctl.server.store import new_id, storage_errors

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from rftctl.server.paging import Cursor
    from rftctl.server.store import Store

_CHUNK = 1 << 20
_ALIVE = "(expires_at IS NULL OR expires_at > ?)"
_UNFINISHED = ("validating_files", "queued", "running", "paused")


@dataclass(frozen=True, slots=True)
class FileRow:
    """An uploaded file, or one the service made; `created_at` and `expires_at` in seconds."""

    id: str
    bytes: int
    created_at: int
    filename: str
    purpose: str
    sha256: str
    expires_at: int | None

    def to_wire(self) -> dict[str, Any]:
        """Make the API's file object."""
        body: dict[str, Any] = {
            "id": self.id,
            "object": "file",
            "bytes": self.bytes,
            "created_at": self.created_at,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
        }
        if self.expires_at is not None:
            body["expires_at"] = self.expires_at
        return body


def add_file(
    store: Store, source: BinaryIO, filename: str, purpose: str, expires_after_s: int | None = None
) -> FileRow:
    """Copy `source` into the store and return its row.

    Raises:
        StorageError: the disk is full or not writable; nothing is left behind.
    """
    file_id, created_at = new_id("file"), int(time.time())
    size, sha256 = _write(store, file_id, source)
    expires_at = None if expires_after_s is None else created_at + expires_after_s
    row = FileRow(file_id, size, created_at, filename, purpose, sha256, expires_at)
    try:
        with store.writing() as connection:
            connection.execute(
                "INSERT INTO files (id, bytes, created_at, filename, purpose, sha256, expires_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (file_id, size, created_at, filename, purpose, sha256, expires_at),
            )
    except BaseException:
        dataset_path(store, file_id).unlink(missing_ok=True)
        raise
    return row


def find_file(store: Store, file_id: str) -> FileRow | None:
    """Read a file's row; one that has expired is gone."""
    row = store.read_one(f"SELECT * FROM files WHERE id = ? AND {_ALIVE}", file_id, int(time.time()))  # noqa: S608
    return None if row is None else _file(row)


def page_of_files(store: Store, cursor: Cursor, purpose: str | None) -> tuple[list[FileRow], bool]:
    """Read one page of files, optionally of one purpose."""
    where, values = _ALIVE, list[Any]([int(time.time())])
    if purpose is not None:
        where, values = where + " AND purpose = ?", [*values, purpose]
    rows, has_more = fetch_page(store, "files", where, tuple(values), cursor)
    return [_file(row) for row in rows], has_more


def delete_file(store: Store, file_id: str) -> bool:
    """Forget a file and remove its bytes; tells whether there was one.

    Raises:
        RefusalError: an unfinished job still reads it.
    """
    for job in jobs_in(store, _UNFINISHED):
        if file_id in (job.request["training_file"], job.request.get("validation_file")):
            raise RefusalError(
                409, f"file '{file_id}' is in use by {job.status} job '{job.id}'; cancel that first"
            )
    with store.writing() as connection:
        deleted = connection.execute("DELETE FROM files WHERE id = ?", (file_id,)).rowcount == 1
    dataset_path(store, file_id).unlink(missing_ok=True)
    return deleted


def _write(store: Store, file_id: str, source: BinaryIO) -> tuple[int, str]:
    path = dataset_path(store, file_id)
    partial = path.with_name(f".{file_id}.partial")
    digest, size = hashlib.sha256(), 0
    with storage_errors(store.home), contextlib.ExitStack() as cleanup:
        cleanup.callback(partial.unlink, missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                size += target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        partial.rename(path)
        _sync_folder(path.parent)
    return size, digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _file(row: sqlite3.Row) -> FileRow:
    return FileRow(**{name: row[name] for name in row.keys() if name != "seq"})  # noqa: SIM118
