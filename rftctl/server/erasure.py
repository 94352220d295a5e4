"""Erasing a job of the embedded service, so that nothing of it is left in its files.

In: the service's folder, a job's id. Out: what was removed: the job's rows, its folder, the uploads that no
other job read. The fine-tuning API has no such call, so this works on the store itself.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from rftctl.errors import UsageError
from rftctl.server.jobs import dataset_path, find_job
from rftctl.server.store import Store

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


def erase_job(home: Path, job_id: str) -> list[str]:
    """Remove a job for good; returns what was removed, nothing when the service does not know it.

    Raises:
        UsageError: it has not ended.
        StorageError: the store cannot be written.
    """
    store = Store(home)
    try:
        job = find_job(store, job_id)
        if job is None:
            return []
        if job.is_active:
            raise UsageError(f"job '{job_id}' is {job.status}", "cancel it first: rftctl cancel")
        with store.writing() as db:
            db.execute("PRAGMA secure_delete = ON")
            files = _files_of_nobody_else(db, job_id, job.request, job.result_file)
            _delete_rows(db, job_id, files)
        for file_id in files:
            dataset_path(store, file_id).unlink(missing_ok=True)
        shutil.rmtree(store.job_folder(job_id), ignore_errors=True)
        # Only after these are the old pages out of the file and out of its log.
        store.read("VACUUM")
        store.read("PRAGMA wal_checkpoint(TRUNCATE)")
        return [f"job {job_id} of the embedded service", *(f"its file {file_id}" for file_id in files)]
    finally:
        store.close()


def _files_of_nobody_else(
    db: sqlite3.Connection, job_id: str, request: dict[str, object], result_file: str | None
) -> list[str]:
    others: set[object] = set()
    for row in db.execute("SELECT request FROM jobs WHERE id <> ?", (job_id,)):
        others |= _named_files(json.loads(row["request"]))
    held = {row["id"] for row in db.execute("SELECT id FROM files")}
    return sorted(held & (_named_files(request) | {result_file}) - others)


def _named_files(request: dict[str, object]) -> set[object]:
    return {request.get(name) for name in ("training_file", "validation_file")} - {None}


def _delete_rows(db: sqlite3.Connection, job_id: str, files: list[str]) -> None:
    for table in ("events", "checkpoints", "rollouts"):
        db.execute(f"DELETE FROM {table} WHERE job_id = ?", (job_id,))  # noqa: S608 - fixed table names
    db.execute("DELETE FROM jobs WHERE id = ?", (job_id,))
    db.executemany("DELETE FROM files WHERE id = ?", [(file_id,) for file_id in files])
