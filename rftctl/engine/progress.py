"""What the loop is told and what it tells: settings in, a report a step out.

In: the wire's hyperparameters and the spec's engine settings, every `auto` resolved to a number.
Out: `LoopSettings`, `StepReport`, `Observer`. No tensors here, so the service can import it freely.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rftctl.dataset import Sample
    from rftctl.engine.backend import CheckpointRef
    from rftctl.graders.base import Grade


class Wish(StrEnum):
    """What the owner of a job wants of the loop; asked between steps."""

    CONTINUE = "continue"
    PAUSE = "pause"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """Everything the loop needs to know, as plain numbers.

    Attributes:
        n_epochs: passes over the training rows.
        batch_size: prompts per step.
        num_generations: completions per prompt.
        max_steps: end early after this many steps, or None.
        learning_rate: already multiplied by the wire's multiplier.
        beta: weight of the per-token KL penalty towards the base model.
        eval_interval: steps between validation passes; one also follows the last step.
        eval_samples: outputs per validation row and pass.
        stop_at_json: outputs end when their first JSON value closes (a response_format is set).
    """

    model: str
    n_epochs: int
    batch_size: int
    num_generations: int
    max_completion_tokens: int
    temperature: float
    learning_rate: float
    beta: float
    lora_rank: int | None
    eval_interval: int
    eval_samples: int
    seed: int
    max_steps: int | None = None
    stop_at_json: bool = False
    reasoning_effort: str = "default"
    min_group_std: float = 1e-3

    def total_steps(self, n_examples: int) -> int:
        """Steps this run will take over `n_examples` training rows."""
        steps = self.n_epochs * -(-n_examples // self.batch_size)
        return steps if self.max_steps is None else min(steps, self.max_steps)


@dataclass(frozen=True, slots=True)
class GraderReport:
    """One (sub-)grader over one pass: mean reward, error counts by flag, mean latency in seconds."""

    name: str
    type: str
    reward_mean: float | None
    error_counts: dict[str, int] = field(default_factory=dict)
    n_graded: int = 0
    execution_latency_mean_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SplitReport:
    """One pass over samples of one split.

    Attributes:
        reward_mean: over samples whose grader worked; None when none did.
        n_samples, n_failed: samples drawn, and those without a reward.
        truncated_share, parse_error_share: shares of samples, 0 to 1.
        zero_spread_share: share of groups whose reward std is below the gate (training only).
    """

    reward_mean: float | None
    reward_std: float | None
    n_samples: int
    n_failed: int
    truncated_share: float
    parse_error_share: float
    completion_tokens_mean: float
    reasoning_tokens_mean: float
    zero_spread_share: float | None = None
    graders: tuple[GraderReport, ...] = ()


@dataclass(frozen=True, slots=True)
class StepReport:
    """Everything known about one training step; seconds are wall time."""

    step: int
    total_steps: int
    train: SplitReport
    valid: SplitReport | None
    n_groups_used: int
    logprob_gap_mean: float
    logprob_gap_max: float
    kl_mean: float | None
    grad_norm: float | None
    sampling_s: float
    grading_s: float
    training_s: float
    eval_s: float
    full_iteration_s: float
    cpu_s: float
    peak_rss_bytes: int


@dataclass(frozen=True, slots=True)
class Rollout:
    """One sampled and graded output, kept so that people can read what the model did."""

    step: int
    split: str
    line_number: int
    sample: Sample
    grade: Grade


class Observer(Protocol):
    """Who listens to a loop: the worker writes all of this into the service's store."""

    def wish(self) -> Wish:
        """Say whether to go on; asked before every step."""
        ...

    def on_note(self, message: str, level: str = "info") -> None:
        """Take one line for the job's history (threads chosen, weights loaded, a warning)."""
        ...

    def on_rollouts(self, rollouts: Sequence[Rollout]) -> None:
        """Take the samples of a pass."""
        ...

    def on_step(self, report: StepReport) -> None:
        """Take a finished step."""
        ...

    def on_checkpoint(self, ref: CheckpointRef, report: StepReport | None) -> None:
        """Take a saved state; called after `on_step` of the same step."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a loop ended: by its last step, or by a wish; with the state it left."""

    ended_by: Wish
    step: int
    checkpoint: CheckpointRef | None
    trained_tokens: int


def resolve_settings(
    model: str,
    hyperparameters: dict[str, Any],
    engine: dict[str, Any],
    *,
    n_examples: int,
    seed: int,
    has_response_format: bool,
) -> LoopSettings:
    """Turn the wire's hyperparameters and the spec's engine settings into numbers.

    `auto` becomes: one epoch, four examples a step, multipliers of 1, ten validation passes over the
    run (at least every step, at most every 50), one sample per validation row.

    Args:
        hyperparameters: `method.reinforcement.hyperparameters` as on the wire.
        engine: the `rftctl.engine` extension of the request; may be empty.
        n_examples: training rows.
        seed: the job's seed, used unless the engine settings name one.
    """

    def number(name: str, default: float) -> float:
        value = hyperparameters.get(name, "auto")
        return default if value in ("auto", None) else value

    n_epochs, batch_size = int(number("n_epochs", 1)), int(number("batch_size", 4))
    max_steps = engine.get("max_steps")
    steps = n_epochs * -(-n_examples // batch_size)
    steps = min(steps, max_steps) if max_steps else steps
    generations = round(engine.get("num_generations", 8) * number("compute_multiplier", 1.0))
    engine_seed = engine.get("seed")
    return LoopSettings(
        model=model,
        n_epochs=n_epochs,
        batch_size=batch_size,
        num_generations=max(2, generations),
        max_completion_tokens=engine.get("max_completion_tokens", 256),
        temperature=engine.get("temperature", 1.0),
        learning_rate=engine.get("learning_rate", 3.0e-4) * number("learning_rate_multiplier", 1.0),
        beta=engine.get("beta", 0.0),
        lora_rank=None if engine.get("full_weights") else engine.get("lora_rank", 16),
        eval_interval=int(number("eval_interval", min(50, max(1, steps // 10)))),
        eval_samples=int(number("eval_samples", 1)),
        seed=seed if engine_seed is None else engine_seed,
        max_steps=max_steps,
        stop_at_json=has_response_format,
        reasoning_effort=hyperparameters.get("reasoning_effort", "default"),
    )
