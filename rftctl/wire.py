"""The fine-tuning API's nouns as our types, read from raw dicts.

In: reply bodies as plain dicts (the SDK's classes misread `multi` graders and refuse `paused`).
Out: `Job`, `JobEvent`, `Checkpoint`, `FileObject`. Unknown statuses stay strings and count as not final.
Source: the published API description and the facts collected in the RFT guide (2026-11-22).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

FINAL_STATUSES = frozenset({"succeeded", "failed", "cancelled"})
RESTING_STATUSES = FINAL_STATUSES | {"paused"}
"""Statuses in which nothing more will happen unless somebody acts."""

# The API's reward names come in several sets: nested and flat from OpenAI and Azure, a third on Bedrock.
_TRAIN_NAMES = ("train_reward_mean", "train_mean_reward", "critic_rewards_mean")
_VALID_NAMES = ("valid_reward_mean", "full_valid_mean_reward", "valid_mean_reward")


@dataclass(frozen=True, slots=True)
class JobFailure:
    """Why a job failed, in the provider's words."""

    code: str
    message: str
    param: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A fine-tuning job as its provider describes it; `raw` is the reply itself."""

    id: str
    status: str
    model: str
    created_at: int
    finished_at: int | None
    fine_tuned_model: str | None
    training_file: str | None
    validation_file: str | None
    result_files: tuple[str, ...]
    failure: JobFailure | None
    metadata: dict[str, str]
    raw: dict[str, Any] = field(repr=False)

    @property
    def is_final(self) -> bool:
        """Whether the provider will never change this job again."""
        return self.status in FINAL_STATUSES

    @property
    def is_resting(self) -> bool:
        """Whether nothing more happens unless somebody acts: final, or paused."""
        return self.status in RESTING_STATUSES

    @classmethod
    def from_wire(cls, raw: dict[str, Any]) -> Job:
        """Read a `fine_tuning.job` object; raises ValueError when it has no id or status."""
        job_id, status = raw.get("id"), raw.get("status")
        if not isinstance(job_id, str) or not isinstance(status, str) or not job_id:
            raise ValueError("a job needs an id and a status")
        error = raw.get("error") or {}
        failure = None
        if error.get("message") or error.get("code"):
            failure = JobFailure(
                str(error.get("code") or ""), str(error.get("message") or ""), error.get("param")
            )
        return cls(
            id=job_id,
            status=status,
            model=str(raw.get("model") or ""),
            created_at=int(raw.get("created_at") or 0),
            finished_at=raw.get("finished_at"),
            fine_tuned_model=raw.get("fine_tuned_model"),
            training_file=raw.get("training_file"),
            validation_file=raw.get("validation_file"),
            result_files=tuple(raw.get("result_files") or ()),
            failure=failure,
            metadata=dict(raw.get("metadata") or {}),
            raw=raw,
        )


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One line of a job's history: a message, or the metrics of a step in `data`."""

    id: str
    created_at: int
    level: str
    message: str
    type: str
    data: dict[str, Any]

    @classmethod
    def from_wire(cls, raw: dict[str, Any]) -> JobEvent:
        """Read a `fine_tuning.job.event` object; raises ValueError when it has no id."""
        if not isinstance(raw.get("id"), str):
            raise ValueError("an event needs an id")
        return cls(
            id=raw["id"],
            created_at=int(raw.get("created_at") or 0),
            level=str(raw.get("level") or "info"),
            message=str(raw.get("message") or ""),
            type=str(raw.get("type") or "message"),
            data=dict(raw.get("data") or {}),
        )

    @property
    def step(self) -> int | None:
        """The training step these metrics belong to, or None for a plain message."""
        step = self.data.get("step")
        return step if isinstance(step, int) and not isinstance(step, bool) else None

    @property
    def train_reward(self) -> float | None:
        """Mean training reward under whichever of the wire's names it came."""
        return _first_number(self.data, _TRAIN_NAMES)

    @property
    def valid_reward(self) -> float | None:
        """Mean validation reward, present on evaluation steps only."""
        return _first_number(self.data, _VALID_NAMES)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A saved state of the model that can be sampled from."""

    id: str
    created_at: int
    model: str
    job_id: str
    step: int
    metrics: dict[str, float]
    raw: dict[str, Any] = field(repr=False)

    @property
    def valid_reward(self) -> float | None:
        """Mean validation reward measured at this checkpoint."""
        return _first_number(self.metrics, _VALID_NAMES)

    @classmethod
    def from_wire(cls, raw: dict[str, Any]) -> Checkpoint:
        """Read a `fine_tuning.job.checkpoint` object; RFT metrics arrive as extra keys."""
        metrics = {k: float(v) for k, v in (raw.get("metrics") or {}).items() if isinstance(v, int | float)}
        return cls(
            id=str(raw["id"]),
            created_at=int(raw.get("created_at") or 0),
            model=str(raw["fine_tuned_model_checkpoint"]),
            job_id=str(raw.get("fine_tuning_job_id") or ""),
            step=int(raw["step_number"]),
            metrics=metrics,
            raw=raw,
        )


def _first_number(data: dict[str, Any], names: tuple[str, ...]) -> float | None:
    # Never `a or b`: a reward of 0.0 is falsy.
    nested = data.get("scores")
    for place in (nested if isinstance(nested, dict) else {}, data):
        for name in names:
            value = place.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                return float(value)
    return None
