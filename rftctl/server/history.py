"""What a job leaves behind as it trains: events, checkpoints, sampled outputs.

In: a `Store`. Out: rows, newest first. A step's event and checkpoint have an id made from job and step,
so that a step done again after a crash replaces its first telling: no gap, no duplicate.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rftctl.server.paging import Cursor, fetch_page
from rftctl.server.store import new_id

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from rftctl.engine.progress import Rollout
    from rftctl.server.store import Store

KEPT_BEST = 3
"""Checkpoints kept for their validation reward, as on the platform; the newest is kept beside them."""

KEPT_STEPS = 200
KEPT_BYTES = 64 << 20
_TEXT_LIMIT = 16_384
"""Sampled outputs are kept for a job's newest 200 steps and 64 MiB, each cut at 16,384 characters."""


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """A saved state: its public name, its folder, and what was measured when it was saved."""

    id: str
    job_id: str
    created_at: int
    step: int
    name: str
    folder: str
    has_optimizer: bool
    valid_reward: float | None
    metrics: dict[str, float]


def stable_id(prefix: str, job_id: str, step: int) -> str:
    """Make the id that a job's step always has."""
    return f"{prefix}-{hashlib.sha256(f'{job_id}/{step}'.encode()).hexdigest()[:24]}"


def add_message(store: Store, job_id: str, message: str, level: str = "info") -> None:
    """Add one line to a job's history; `level` is info, warn or error."""
    with store.writing() as connection:
        connection.execute(
            "INSERT INTO events (id, job_id, created_at, level, message) VALUES (?, ?, ?, ?, ?)",
            (new_id("ftevent"), job_id, int(time.time()), level, message),
        )


def put_metrics(store: Store, job_id: str, step: int, message: str, data: dict[str, Any]) -> None:
    """Store the metrics of a step, in the place of an earlier telling of the same step."""
    with store.writing() as connection:
        connection.execute(
            "INSERT INTO events (id, job_id, created_at, level, message, step, data)"
            " VALUES (?, ?, ?, 'info', ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " message = excluded.message, data = excluded.data",
            (stable_id("ftevent", job_id, step), job_id, int(time.time()), message, step, json.dumps(data)),
        )
        connection.execute("UPDATE jobs SET last_step = ? WHERE id = ?", (step, job_id))


def page_of_events(store: Store, job_id: str, cursor: Cursor) -> tuple[list[dict[str, Any]], bool]:
    """Read one page of a job's events as wire objects, newest first."""
    rows, has_more = fetch_page(store, "events", "job_id = ?", (job_id,), cursor)
    return [_event(row) for row in rows], has_more


def metrics_of(store: Store, job_id: str) -> list[dict[str, Any]]:
    """Read the metrics of all steps, in order."""
    sql = "SELECT data FROM events WHERE job_id = ? AND step IS NOT NULL ORDER BY step"
    return [json.loads(row["data"]) for row in store.read(sql, job_id)]


def put_checkpoint(store: Store, row: CheckpointRow) -> None:
    """Store a checkpoint, in the place of an earlier one of the same step."""
    values = (row.id, row.job_id, row.created_at, row.step, row.name, row.folder, int(row.has_optimizer))
    with store.writing() as connection:
        connection.execute(
            "INSERT INTO checkpoints"
            " (id, job_id, created_at, step, name, folder, has_optimizer, valid_reward, metrics)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET folder = excluded.folder,"
            " has_optimizer = excluded.has_optimizer, valid_reward = excluded.valid_reward,"
            " metrics = excluded.metrics",
            (*values, row.valid_reward, json.dumps(row.metrics)),
        )


def checkpoints_of(store: Store, job_id: str) -> list[CheckpointRow]:
    """Read a job's checkpoints, newest step first."""
    rows = store.read("SELECT * FROM checkpoints WHERE job_id = ? ORDER BY step DESC", job_id)
    return [_checkpoint(row) for row in rows]


def page_of_checkpoints(store: Store, job_id: str, cursor: Cursor) -> tuple[list[CheckpointRow], bool]:
    """Read one page of a job's checkpoints, newest first."""
    rows, has_more = fetch_page(store, "checkpoints", "job_id = ?", (job_id,), cursor)
    return [_checkpoint(row) for row in rows], has_more


def find_checkpoint(store: Store, name: str) -> CheckpointRow | None:
    """Find a checkpoint by its public name."""
    row = store.read_one("SELECT * FROM checkpoints WHERE name = ?", name)
    return None if row is None else _checkpoint(row)


def prune_checkpoints(store: Store, job_id: str) -> None:
    """Drop all checkpoints but the best by validation reward and the newest, with their folders."""
    rows = checkpoints_of(store, job_id)
    ranked = sorted(rows, key=lambda row: (row.valid_reward is not None, row.valid_reward or 0.0, row.step))
    kept = {row.id for row in (*ranked[-KEPT_BEST:], *rows[:1])}
    for row in rows:
        if row.id not in kept:
            with store.writing() as connection:
                connection.execute("DELETE FROM checkpoints WHERE id = ?", (row.id,))
            shutil.rmtree(row.folder, ignore_errors=True)


def add_rollouts(store: Store, job_id: str, rollouts: Sequence[Rollout]) -> None:
    """Keep the sampled outputs of a pass, and let the oldest steps go once the cap is passed."""
    with store.writing() as connection:
        connection.executemany(
            "INSERT INTO rollouts (job_id, step, split, line_number, output_text, output_tools,"
            " finish_reason, completion_tokens, reward, sub_rewards, errors, bytes)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [_rollout_values(job_id, rollout) for rollout in rollouts],
        )
        newest = max((rollout.step for rollout in rollouts), default=0)
        connection.execute(
            "DELETE FROM rollouts WHERE job_id = ? AND step <= ?", (job_id, newest - KEPT_STEPS)
        )
        _keep_under_cap(connection, job_id)


def drop_rollouts(store: Store, job_id: str, after_step: int) -> None:
    """Forget the outputs of steps that will be done again."""
    with store.writing() as connection:
        connection.execute("DELETE FROM rollouts WHERE job_id = ? AND step > ?", (job_id, after_step))


def rollouts_of(store: Store, job_id: str, *, step: int | None, split: str | None) -> list[dict[str, Any]]:
    """Read kept outputs in order; of one step and split when given. `reward` is None where grading failed."""
    where, values = "job_id = ?", list[Any]([job_id])
    for name, value in (("step", step), ("split", split)):
        if value is not None:
            where, values = f"{where} AND {name} = ?", [*values, value]
    rows = store.read(f"SELECT * FROM rollouts WHERE {where} ORDER BY seq", *values)  # noqa: S608
    return [_rollout(row) for row in rows]


def _keep_under_cap(connection: sqlite3.Connection, job_id: str) -> None:
    sizes = connection.execute(
        "SELECT step, sum(bytes) AS bytes FROM rollouts WHERE job_id = ? GROUP BY step ORDER BY step DESC",
        (job_id,),
    ).fetchall()
    total = 0
    for row in sizes:
        total += row["bytes"]
        if total > KEPT_BYTES and row["step"] != sizes[0]["step"]:
            connection.execute("DELETE FROM rollouts WHERE job_id = ? AND step <= ?", (job_id, row["step"]))
            return


def _rollout_values(job_id: str, rollout: Rollout) -> tuple[Any, ...]:
    sample, grade = rollout.sample, rollout.grade
    text = sample.output_text[:_TEXT_LIMIT].encode("utf-8", "replace").decode()
    errors = {flag: grade.details.get(flag, "") for flag in grade.errors}
    packed = [json.dumps(value) for value in (sample.output_tools, grade.sub_rewards, errors)]
    size = len(text.encode()) + sum(map(len, packed)) + 64
    head = (job_id, rollout.step, rollout.split, rollout.line_number, text, packed[0])
    return (*head, sample.finish_reason, sample.completion_tokens, grade.reward, packed[1], packed[2], size)


def _rollout(row: sqlite3.Row) -> dict[str, Any]:
    plain = ("step", "split", "line_number", "output_text", "finish_reason", "completion_tokens", "reward")
    packed = ("output_tools", "sub_rewards", "errors")
    return {name: row[name] for name in plain} | {name: json.loads(row[name]) for name in packed}


def _event(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "object": "fine_tuning.job.event",
        "id": row["id"],
        "created_at": row["created_at"],
        "level": row["level"],
        "message": row["message"],
        "type": "message" if row["data"] is None else "metrics",
        "data": {} if row["data"] is None else json.loads(row["data"]),
    }


def _checkpoint(row: sqlite3.Row) -> CheckpointRow:
    values = {name: row[name] for name in row.keys() if name != "seq"}  # noqa: SIM118
    values |= {"has_optimizer": bool(row["has_optimizer"]), "metrics": json.loads(row["metrics"])}
    return CheckpointRow(**values)
