"""What a run spec may say.

In: plain data of any origin. Out: `RunSpec` and its parts, unknown keys refused; the JSON Schema.
Field descriptions are the documentation: the JSON Schema (`rftctl schema`) and the README table.
Ranges of `hyperparameters` are the wire's (published API description, FineTuneReinforcementHyperparameters).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Auto = Literal["auto"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Hyperparameters(_Part):
    """The API's reinforcement hyperparameters; `auto` lets the provider choose."""

    n_epochs: Annotated[int, Field(ge=1, le=50)] | Auto = Field(
        "auto", description="Passes over the training rows."
    )
    batch_size: Annotated[int, Field(ge=1, le=256)] | Auto = Field(
        "auto", description="Examples per training step."
    )
    learning_rate_multiplier: Annotated[float, Field(gt=0)] | Auto = Field(
        "auto", description="Factor on the base learning rate."
    )
    compute_multiplier: Annotated[float, Field(gt=0.00001, le=10)] | Auto = Field(
        "auto",
        description="Factor on the exploration per step; on the local engine it scales num_generations.",
    )
    reasoning_effort: Literal["default", "low", "medium", "high"] = Field(
        "default", description="How long a reasoning model may think."
    )
    eval_interval: Annotated[int, Field(ge=1)] | Auto = Field(
        "auto", description="Training steps between two validation passes."
    )
    eval_samples: Annotated[int, Field(ge=1)] | Auto = Field(
        "auto", description="Model outputs per validation row and pass."
    )


class EngineSettings(_Part):
    """Settings of the embedded engine; other providers choose these themselves."""

    max_steps: Annotated[int, Field(ge=1)] | None = Field(None, description="Stop after this many steps.")
    num_generations: Annotated[int, Field(ge=2, le=256)] = Field(
        8, description="Completions per prompt: the group."
    )
    max_completion_tokens: Annotated[int, Field(ge=1)] = Field(
        256, description="Cap on a completion, in tokens."
    )
    temperature: Annotated[float, Field(gt=0, le=2)] = Field(
        1.0, description="Sampling temperature of rollouts."
    )
    learning_rate: Annotated[float, Field(gt=0)] = Field(3.0e-4, description="Base learning rate of AdamW.")
    beta: Annotated[float, Field(ge=0)] = Field(
        0.0, description="Weight of the KL penalty towards the base model."
    )
    lora_rank: Annotated[int, Field(ge=1, le=512)] = Field(16, description="Rank of the LoRA adapters.")
    full_weights: bool = Field(False, description="Train all weights instead of LoRA adapters.")
    threads: Annotated[int, Field(ge=1)] | None = Field(
        None, description="CPU threads; by default chosen from the cores that are free."
    )
    seed: int | None = Field(None, description="Seed of rollouts and adapters; by default the run's seed.")
    backend: Literal["torch"] = Field("torch", description="Where the tensors live.")


class Budget(_Part):
    """What may be spent."""

    max_usd: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Refuse or stop above this, US dollars."
    )
    on_limit: Literal["pause", "cancel", "alert"] = Field(
        "pause", description="What to do when it is reached."
    )


class WatchRule(_Part):
    """One condition on the reward curve and what follows."""

    when: Literal["plateau", "zero_spread", "divergence", "truncation", "stalled"] = Field(
        description="The condition."
    )
    patience: Annotated[int, Field(ge=1)] = Field(3, description="Evaluations (or steps) it must last.")
    then: Literal["alert", "pause", "cancel"] = Field("alert", description="What follows.")


class Watch(_Part):
    """How a running job is watched."""

    rules: tuple[WatchRule, ...] = Field((), description="Conditions on the curve.")


class Evaluate(_Part):
    """How checkpoints are compared with the base model on rows that training never saw."""

    test_file: str | None = Field(None, description="Held-out rows, JSON Lines.")
    samples_per_example: Annotated[int, Field(ge=1, le=64)] = Field(1, description="Outputs per test row.")
    temperature: Annotated[float, Field(ge=0, le=2)] = Field(0.0, description="0 is greedy.")
    max_examples: Annotated[int, Field(ge=1)] | None = Field(None, description="Use only the first rows.")
    min_difference: float | None = Field(
        None, description="`run` fails unless the gain over the base model is proven above this."
    )


class RunSpec(_Part):
    """One reinforcement fine-tuning run."""

    version: Literal[1] = Field(description="Format of this file.")
    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = Field(
        description="Name of the run, for people."
    )
    provider: str = Field(description="local, openai, azure, bedrock, or one that your config.yaml defines.")
    model: str = Field(
        description="Base model, in the provider's words; for local also a folder or a hub id."
    )
    training_file: str = Field(description="Training rows, JSON Lines; relative to this file.")
    validation_file: str | None = Field(None, description="Validation rows, JSON Lines.")
    grader: dict[str, Any] = Field(
        description="The API's grader JSON; `source_file` and other `*_file` keys keep code in files."
    )
    judge: str | None = Field(None, description="A judge of your config.yaml, for model graders.")
    response_format: dict[str, Any] | None = Field(
        None, description="The chat-completions response format; needed for `sample.output_json`."
    )
    tools: tuple[dict[str, Any], ...] | None = Field(None, description="Tool definitions for every row.")
    hyperparameters: Hyperparameters = Field(
        default_factory=lambda: Hyperparameters.model_validate({}), description="The API's settings."
    )
    engine: EngineSettings = Field(
        default_factory=lambda: EngineSettings.model_validate({}), description="Local engine only."
    )
    seed: int | None = Field(None, description="Seed of the job.")
    suffix: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None, description="Goes into the tuned model's name."
    )
    metadata: dict[str, str] = Field(default_factory=dict, description="Up to 12 pairs kept with the job.")
    budget: Budget = Field(
        default_factory=lambda: Budget.model_validate({}), description="Limits on spending."
    )
    watch: Watch = Field(
        default_factory=lambda: Watch.model_validate({}), description="Rules while the job runs."
    )
    evaluate: Evaluate = Field(
        default_factory=lambda: Evaluate.model_validate({}), description="The held-out comparison."
    )
    cases: str | None = Field(None, description="Sample outputs with the reward each must get, JSON Lines.")
    targets: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="Named overlays of these keys, chosen by --target. hyperparameters, engine, budget, "
        "watch, evaluate and metadata are overlaid key by key, other keys as a whole; null drops a key.",
    )
