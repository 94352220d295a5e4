"""The fine-tuning API's nouns as our types, read from raw dicts.

In: reply bodies as plain dicts (the SDK's classes misread `multi` graders and refuse `paused`).
Out: `Job`, `JobEvent`, `Checkpoint`, `FileObject`. Unknown statuses stay strings and count as not final.
Source: the published API description and the facts collected in the RFT guide (2026-11-22).
"""

from __future__ import annotations

import math
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
        error = mapping(raw.get("error"))
        failure = None
        if error.get("message") or error.get("code"):
            failure = JobFailure(
                str(error.get("code") or ""), str(error.get("message") or ""), error.get("param")
            )
        return cls(
            id=job_id,
            status=status,
            model=str(raw.get("model") or ""),
            created_at=_whole(raw.get("created_at")) or 0,
            finished_at=_whole(raw.get("finished_at")),
            fine_tuned_model=raw.get("fine_tuned_model"),
            training_file=raw.get("training_file"),
            validation_file=raw.get("validation_file"),
            result_files=_strings(raw.get("result_files")),
            failure=failure,
            metadata=mapping(raw.get("metadata")),
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
            created_at=_whole(raw.get("created_at")) or 0,
            level=str(raw.get("level") or "info"),
            message=str(raw.get("message") or ""),
            type=str(raw.get("type") or "message"),
            data=mapping(raw.get("data")),
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
        """Read a `fine_tuning.job.checkpoint` object; RFT metrics arrive as extra keys.

        Raises:
            ValueError: it has no id, model or step.
        """
        step, model = _whole(raw.get("step_number")), raw.get("fine_tuned_model_checkpoint")
        if not isinstance(raw.get("id"), str) or not isinstance(model, str) or step is None:
            raise ValueError("a checkpoint needs an id, a model and a step")
        found = {key: number(value) for key, value in mapping(raw.get("metrics")).items()}
        metrics = {key: value for key, value in found.items() if value is not None}
        return cls(
            id=raw["id"],
            created_at=_whole(raw.get("created_at")) or 0,
            model=model,
            job_id=str(raw.get("fine_tuning_job_id") or ""),
            step=step,
            metrics=metrics,
            raw=raw,
        )


def mapping(value: object) -> dict[str, Any]:
    """Take a dict for what it is and anything else for an empty one: compatible servers send oddities."""
    return dict(value) if isinstance(value, dict) else {}


def number(value: object) -> float | None:
    """Take a finite number, and nothing else: JSON readers let NaN and Infinity through."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None  # type: ignore[arg-type]


def _first_number(data: dict[str, Any], names: tuple[str, ...]) -> float | None:
    # Never `a or b`: a reward of 0.0 is falsy.
    for place in (mapping(data.get("scores")), data):
        for name in names:
            value = number(place.get(name))
            if value is not None:
                return value
    return None


def _whole(value: object) -> int | None:
    found = number(value)
    return None if found is None else int(found)


def _strings(value: object) -> tuple[str, ...]:
    return tuple(part for part in value if isinstance(part, str)) if isinstance(value, list) else ()
