"""Rows as the API's objects.

In: rows of the store. Out: wire bodies that the published description accepts; what it does not know
stands under `rftctl`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rftctl.server.history import CheckpointRow
    from rftctl.server.jobs import JobRow

ORGANIZATION = "org-local"
_TOP_LEVEL = ("n_epochs", "batch_size", "learning_rate_multiplier")


def job_body(job: JobRow) -> dict[str, Any]:
    """Make the API's job object; the grader is the one that was sent, key for key."""
    request, reinforcement = job.request, job.reinforcement
    hyperparameters = resolved_hyperparameters(job)
    reinforcement["hyperparameters"] = hyperparameters
    return {
        "object": "fine_tuning.job",
        "id": job.id,
        "created_at": job.created_at,
        "model": job.model,
        "status": job.status,
        "training_file": request["training_file"],
        "validation_file": request.get("validation_file"),
        "seed": job.seed,
        "method": {"type": "reinforcement", "reinforcement": reinforcement},
        "hyperparameters": {name: hyperparameters.get(name, "auto") for name in _TOP_LEVEL},
        "metadata": request.get("metadata") or {},
        "integrations": [],
        "organization_id": ORGANIZATION,
        "user_provided_suffix": request.get("suffix"),
        "error": job.error,
        "fine_tuned_model": job.fine_tuned_model,
        "finished_at": job.finished_at,
        "estimated_finish": _estimated_finish(job),
        "result_files": [job.result_file] if job.result_file else [],
        "trained_tokens": job.trained_tokens,
        "eval_id": None,
        "shared_with_openai": False,
        "usage_metrics": job.detail.get("usage") or {},
        "rftctl": _own(job),
    }


def checkpoint_body(row: CheckpointRow) -> dict[str, Any]:
    """Make the API's checkpoint object."""
    return {
        "object": "fine_tuning.job.checkpoint",
        "id": row.id,
        "created_at": row.created_at,
        "fine_tuned_model_checkpoint": row.name,
        "fine_tuning_job_id": row.job_id,
        "step_number": row.step,
        "metrics": row.metrics,
        "rftctl": {"folder": row.folder, "has_optimizer": row.has_optimizer},
    }


def model_body(name: str, created: int, owner: str) -> dict[str, Any]:
    """Make the API's model object; nothing here is ever shut down."""
    return {"id": name, "object": "model", "created": created, "owned_by": owner, "shutdown_date": None}


def resolved_hyperparameters(job: JobRow) -> dict[str, Any]:
    """The job's hyperparameters with every `auto` that has become a number."""
    sent = job.reinforcement.get("hyperparameters") or {}
    resolved = (job.settings or {}).get("hyperparameters") or {}
    return {**sent, **resolved}


def _own(job: JobRow) -> dict[str, Any]:
    own = {name: value for name, value in job.detail.items() if name != "usage"}
    settings = (job.settings or {}).get("engine")
    return own | {
        "engine": job.engine,
        "settings": settings,
        "last_step": job.last_step,
        "total_steps": job.total_steps,
        "wish": job.wish,
    }


def _estimated_finish(job: JobRow) -> int | None:
    spent = (job.detail.get("usage") or {}).get("training_s")
    if job.status != "running" or not spent or not job.last_step or not job.total_steps:
        return None
    return int(time.time() + spent / job.last_step * (job.total_steps - job.last_step))
