"""What models are called here, and which weights a name means.

In: a store and a name. Out: the base model and the checkpoint behind it, or the name a job's model gets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rftctl.engine.backend import CheckpointRef
from rftctl.server.history import CheckpointRow, checkpoints_of, find_checkpoint
from rftctl.server.jobs import JobRow, need_job
from rftctl.server.refusal import missing

if TYPE_CHECKING:
    from rftctl.server.store import Store

_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Weights:
    """What to load: a base model, and a checkpoint of it or None."""

    model: str
    checkpoint: CheckpointRef | None


def model_cache(store: Store) -> Path:
    """Say where converted weights are kept: beside the service, shared with the rest of rftctl."""
    return store.home.parent / "cache"


def tuned_name(job: JobRow) -> str:
    """Make the public name of a job's model: `ft:BASE:rftctl:SUFFIX:ID`."""
    base = _UNFIT.sub("-", job.model.rstrip("/").rsplit("/", 1)[-1]).strip("-") or "model"
    suffix = _UNFIT.sub("-", job.request.get("suffix") or "")
    return f"ft:{base}:rftctl:{suffix}:{job.id[-8:]}"


def checkpoint_name(job: JobRow, step: int) -> str:
    """Make the public name of a job's checkpoint."""
    return f"{tuned_name(job)}:ckpt-step-{step}"


def settled_model(name: str) -> str:
    """Make a model folder's path absolute, since a worker runs elsewhere; other names stay as they are."""
    folder = Path(name).expanduser()
    return str(folder.absolute()) if "\0" not in name and (folder / "config.json").is_file() else name


def find_weights(store: Store, name: str) -> Weights:
    """Find what a model name stands for; a name that is not a fine-tune's is taken for a base model.

    Raises:
        RefusalError: 404, a fine-tune's name that stands for nothing (any more).
    """
    row = find_checkpoint(store, name)
    if row is not None:
        return _of(store, row)
    job = store.read_one("SELECT id FROM jobs WHERE fine_tuned_model = ?", name)
    rows = [] if job is None else checkpoints_of(store, job["id"])
    if rows:
        return _of(store, rows[0])
    if name.startswith("ft:"):
        raise missing("model", name[:200], "model")
    return Weights(name, None)


def as_reference(row: CheckpointRow) -> CheckpointRef:
    """Make the engine's reference to a stored checkpoint."""
    return CheckpointRef(row.folder, row.step, row.has_optimizer)


def _of(store: Store, row: CheckpointRow) -> Weights:
    job = need_job(store, row.job_id)
    engine = (job.settings or {}).get("engine") or {}
    return Weights(engine.get("model") or job.model, as_reference(row))
