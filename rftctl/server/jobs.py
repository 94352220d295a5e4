"""Jobs as rows: what the API and the worker know of one, and how its status may move.

In: a `Store`. Out: `JobRow`, and moves that happen only from the statuses they are legal from.

validating_files -> queued -> running -> succeeded | failed | cancelled | paused; `resume` leads from
paused (or from failed by a dead worker) back to queued.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rftctl.server.paging import fetch_page
from rftctl.server.store import new_id

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection
    from pathlib import Path

    from rftctl.server.paging import Cursor
    from rftctl.server.store import Store

ACTIVE = ("validating_files", "queued", "running")
WORKER_DIED = "worker_died"


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job. `request` is the body as it was sent; `settings` the resolved numbers, once known."""

    id: str
    created_at: int
    status: str
    wish: str
    turn: int
    model: str
    seed: int
    request: dict[str, Any]
    settings: dict[str, Any] | None
    error: dict[str, Any] | None
    fine_tuned_model: str | None
    finished_at: int | None
    trained_tokens: int | None
    result_file: str | None
    last_step: int
    total_steps: int | None
    detail: dict[str, Any]

    @property
    def is_active(self) -> bool:
        """Whether a worker should be at it now."""
        return self.status in ACTIVE

    @property
    def can_resume(self) -> bool:
        """Whether a new worker may go on with it: paused, or its worker died."""
        died = self.error is not None and self.error.get("code") == WORKER_DIED
        return self.status == "paused" or (self.status == "failed" and died)

    @property
    def reinforcement(self) -> dict[str, Any]:
        """The `method.reinforcement` object as it was sent."""
        return dict(self.request["method"]["reinforcement"])

    @property
    def engine(self) -> dict[str, Any]:
        """The engine settings of the request's `rftctl` key."""
        return dict((self.request.get("rftctl") or {}).get("engine") or {})


def add_job(store: Store, request: dict[str, Any], job_id: str) -> JobRow:
    """Store a new job in status `validating_files`; a seed is drawn when the request has none."""
    seed = request.get("seed")
    seed = secrets.randbelow(2**31) if seed is None else seed
    with store.writing() as connection:
        connection.execute(
            "INSERT INTO jobs (id, created_at, status, turn, model, seed, request)"
            " SELECT ?, ?, 'validating_files', coalesce(max(turn), 0) + 1, ?, ?, ? FROM jobs",
            (job_id, int(time.time()), request["model"], seed, json.dumps(request)),
        )
    return need_job(store, job_id)


def new_job_id() -> str:
    """Make a job id in the wire's form."""
    return new_id("ftjob")


def find_job(store: Store, job_id: str) -> JobRow | None:
    """Read a job as stored; `supervision.look` also notices a dead worker."""
    row = store.read_one("SELECT * FROM jobs WHERE id = ?", job_id)
    return None if row is None else _job(row)


def need_job(store: Store, job_id: str) -> JobRow:
    """Read a job that must exist; raises LookupError when it does not."""
    row = find_job(store, job_id)
    if row is None:
        raise LookupError(job_id)
    return row


def page_of_jobs(store: Store, cursor: Cursor, metadata: dict[str, str] | None) -> tuple[list[JobRow], bool]:
    """Read one page of jobs, newest first, that carry all of these metadata pairs; None: that carry none."""
    where, values = ["1"], list[Any]()
    if metadata is None:
        where.append("NOT EXISTS (SELECT 1 FROM json_each(request, '$.metadata') WHERE key IS NOT NULL)")
    for key, value in (metadata or {}).items():
        where.append(
            "EXISTS (SELECT 1 FROM json_each(request, '$.metadata') AS pair"
            " WHERE pair.key = ? AND pair.value = ?)"
        )
        values += [key, value]
    rows, has_more = fetch_page(store, "jobs", " AND ".join(where), tuple(values), cursor)
    return [_job(row) for row in rows], has_more


def jobs_in(store: Store, statuses: Collection[str]) -> list[JobRow]:
    """Read all jobs in these statuses, in the order of their turn."""
    marks = ", ".join("?" * len(statuses))
    rows = store.read(f"SELECT * FROM jobs WHERE status IN ({marks}) ORDER BY turn", *statuses)  # noqa: S608
    return [_job(row) for row in rows]


def move_job(store: Store, job_id: str, sources: Collection[str], target: str, **changes: Any) -> bool:
    """Move a job to `target` if its status is one of `sources`; tells whether it moved.

    Args:
        changes: columns to set in the same transaction; dicts are stored as JSON.
    """
    if target in ("succeeded", "failed", "cancelled"):
        changes.setdefault("finished_at", int(time.time()))
    marks = ", ".join("?" * len(sources))
    assignments, values = _assignments(changes | {"status": target})
    with store.writing() as connection:
        sql = f"UPDATE jobs SET {assignments} WHERE id = ? AND status IN ({marks})"  # noqa: S608
        return connection.execute(sql, (*values, job_id, *sources)).rowcount == 1


def update_job(store: Store, job_id: str, **changes: Any) -> None:
    """Set columns of a job; `detail` is merged into what is there, other dicts replace."""
    detail = changes.pop("detail", None)
    assignments, values = _assignments(changes)
    if detail is not None:
        assignments += (", " if assignments else "") + "detail = json_patch(detail, ?)"
        values.append(json.dumps(detail))
    with store.writing() as connection:
        connection.execute(f"UPDATE jobs SET {assignments} WHERE id = ?", (*values, job_id))  # noqa: S608


def requeue_job(store: Store, job_id: str) -> bool:
    """Put a job that can be resumed at the end of the queue; tells whether it could."""
    with store.writing() as connection:
        moved = connection.execute(
            "UPDATE jobs SET status = 'queued', wish = 'continue', error = NULL, finished_at = NULL,"
            " turn = (SELECT max(turn) + 1 FROM jobs) WHERE id = ? AND (status = 'paused' OR"
            " (status = 'failed' AND json_extract(error, '$.code') = ?))",
            (job_id, WORKER_DIED),
        )
        return moved.rowcount == 1


def dataset_path(store: Store, file_id: str) -> Path:
    """Say where an upload's bytes lie."""
    return store.home / "files" / file_id


def _assignments(changes: dict[str, Any]) -> tuple[str, list[Any]]:
    values = [json.dumps(value) if isinstance(value, dict) else value for value in changes.values()]
    return ", ".join(f"{name} = ?" for name in changes), values


def _job(row: sqlite3.Row) -> JobRow:
    values = {name: row[name] for name in row.keys() if name != "seq"}  # noqa: SIM118 (a Row iterates its values)
    for name in ("request", "settings", "error", "detail"):
        values[name] = None if values[name] is None else json.loads(values[name])
    return JobRow(**values)
