"""The seam between the algorithm and the tensors.

The loop owns the algorithm, a backend owns the tensors: sample, forward_backward, optim_step, save.
Prompts and completions cross unshifted (each backend does its own shift), losses are sums over
completion tokens, and gradients accumulate until `optim_step`. The shape follows the Tinker API, so
that distributed engines can stand behind it; the types are ours, since that wire is not stable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

StopReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do, so that a run is refused before it starts rather than midway."""

    losses: tuple[str, ...]
    has_reference_logprobs: bool
    has_full_weights: bool
    has_exact_resume: bool
    description: dict[str, str] = field(default_factory=dict)
    """What was chosen here, for people: device, dtype, threads, why."""


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """Low-rank adapters on every linear layer of the transformer blocks; scale is alpha / rank."""

    rank: int = 16
    alpha: float = 32.0


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """How completions are drawn.

    Attributes:
        max_tokens: cap on completion tokens, reasoning included.
        temperature: 0 means greedy.
        stop_at_json: end a completion when its first JSON value closes, as constrained decoding does.
        reasoning_budget: tokens the thinking part may take before it is closed; None for no limit.
    """

    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    stop_at_json: bool = False
    reasoning_budget: int | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """One sampled continuation.

    Attributes:
        tokens: completion token ids, unshifted, with the end token when one was drawn.
        logprobs: the log-probability of each token, same length, in the distribution it was drawn from:
            logits over temperature, before `top_p` cuts; at temperature 0 the model's own.
        text: the decoded answer, without special tokens and without the thinking part.
        reasoning_tokens: tokens of the thinking part, markers included.
        forced: same length as tokens; True where the backend, not the policy, chose the token
            (a budget closing the thinking part). Such tokens carry no gradient.
    """

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    text: str
    stop_reason: StopReason
    reasoning_tokens: int = 0
    forced: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainSequence:
    """One completion to learn from; `sampler_logprobs` and `advantages` match `completion` in length.

    `temperature` is the one it was sampled at: the trainer scales its logits alike, so that both sides
    speak of the same distribution.
    """

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    sampler_logprobs: tuple[float, ...]
    advantages: tuple[float, ...]
    temperature: float = 1.0


@dataclass(frozen=True, slots=True)
class ForwardBackward:
    """What a training pass reports: the summed loss and the trainer's own log-probabilities."""

    loss_sum: float
    trainer_logprobs: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class AdamSettings:
    """One optimizer step's settings."""

    learning_rate: float
    beta1: float = 0.9
    beta2: float = 0.95
    eps: float = 1e-8
    weight_decay: float = 0.0
    grad_clip: float = 1.0


@dataclass(frozen=True, slots=True)
class OptimStep:
    """What one optimizer step did; `grad_norm` is the norm before clipping."""

    grad_norm: float


@dataclass(frozen=True, slots=True)
class CheckpointRef:
    """Where a saved state lies: a folder for the torch backend, opaque for others."""

    path: str
    step: int
    has_optimizer: bool


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens a session has spent so far."""

    prefill_tokens: int = 0
    sampled_tokens: int = 0
    trained_tokens: int = 0


class Policy(Protocol):
    """A model that can be sampled from. Not thread-safe. `close` frees memory and may be called twice."""

    def render(
        self,
        messages: Sequence[dict[str, object]],
        tools: Sequence[dict[str, object]] | None = None,
        reasoning_effort: str | None = None,
    ) -> tuple[int, ...]:
        """Turn chat messages into prompt token ids with the model's own template."""
        ...

    def sample(
        self, prompts: Sequence[tuple[int, ...]], n: int, settings: SamplingSettings, seeds: Sequence[int]
    ) -> list[list[Completion]]:
        """Draw `n` completions per prompt; row i depends only on prompt i, `seeds[i]` and the weights."""
        ...

    def usage(self) -> Usage:
        """Tokens spent since it was opened."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


class Session(Policy, Protocol):
    """A model being trained."""

    def logprobs(
        self, sequences: Sequence[TrainSequence], *, reference: bool = False
    ) -> list[tuple[float, ...]]:
        """Log-probabilities of the completions, under the policy or the frozen reference."""
        ...

    def forward_backward(self, batch: Sequence[TrainSequence]) -> ForwardBackward:
        """Add the gradient of the summed importance-sampling loss, -sum(exp(lp - sampler_lp) * advantage)."""
        ...

    def optim_step(self, settings: AdamSettings) -> OptimStep:
        """Apply and clear the accumulated gradient."""
        ...

    def save(self, folder: Path, step: int, *, optimizer: bool) -> CheckpointRef:
        """Write weights (and optimizer state) into `folder`, whole or not at all."""
        ...


class TrainBackend(Protocol):
    """A place where models can be trained."""

    def capabilities(self) -> Capabilities:
        """Say what this backend can do here."""
        ...

    def open_policy(self, model: str, checkpoint: CheckpointRef | None = None) -> Policy:
        """Load a model, or a checkpoint of one, for sampling only.

        Raises:
            NotOfferedError: the weights are not here and cannot be had; the hint says what to install.
        """
        ...

    def open(
        self,
        model: str,
        *,
        lora: LoraSettings | None,
        seed: int,
        resume: CheckpointRef | None = None,
        needs_reference: bool = False,
    ) -> Session:
        """Load a model for training; `lora=None` trains all weights.

        Args:
            needs_reference: keep the untrained model for `logprobs(reference=True)`; adapters need no copy.

        Raises:
            NotOfferedError: the weights are not here and cannot be had; the hint says what to install.
        """
        ...
