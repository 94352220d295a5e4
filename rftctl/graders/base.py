"""What a grader is, and what it answers.

In: a `Sample` (a model output) and its `item` (the dataset row). Out: a `Grade`.
A grader that failed has no reward: the platform would use 0, and says so only in its flags.
Source of the flags: `POST /fine_tuning/alpha/graders/run`, `metadata.errors`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from rftctl.dataset import ABSENT
from rftctl.template import TemplateError, parse_template
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rftctl.dataset import Sample

ERROR_FLAGS = (
    "formula_parse_error",
    "sample_parse_error",
    "truncated_observation_error",
    "unresponsive_reward_error",
    "invalid_variable_error",
    "other_error",
    "python_grader_server_error",
    "python_grader_runtime_error",
    "model_grader_server_error",
    "model_grader_refusal_error",
    "model_grader_parse_error",
)
"""The eleven boolean flags of a grader run, in the API's order."""

SAMPLE_FAULTS = frozenset({"sample_parse_error", "truncated_observation_error"})
"""Flags that blame the model's output, not the grader, its judge or the data."""


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens a model grader spent, as counts."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: TokenUsage) -> TokenUsage:
        return TokenUsage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
        )


@dataclass(frozen=True, slots=True)
class Grade:
    """One grader's verdict on one sample.

    Attributes:
        reward: a finite number, or None when the grader failed.
        sub_rewards: for `multi`, each named grader's reward (None where it failed).
        errors: the API's flag names that are raised; empty when the grader worked.
        details: flag name -> one line saying what happened.
        execution_time_s: wall time of this grade, seconds.
        token_usage: model name -> tokens a model grader spent.
    """

    reward: float | None
    sub_rewards: dict[str, float | None] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    details: dict[str, str] = field(default_factory=dict)
    execution_time_s: float = 0.0
    token_usage: dict[str, TokenUsage] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether the grader could not say a reward."""
        return self.reward is None

    @property
    def earned(self) -> float | None:
        """The reward this sample counts for in a mean or a training signal.

        An output that could not be read at all earned 0.0, as on the platform; a grader that broke
        (its code, its judge, a missing reference field) says nothing, so None: left out and counted.
        """
        if self.reward is None and self.errors and SAMPLE_FAULTS.issuperset(self.errors):
            return 0.0
        return self.reward

    @classmethod
    def failure(cls, flag: str, detail: str, *, execution_time_s: float = 0.0) -> Grade:
        """Make the grade of a grader that failed, with its flag and what happened."""
        return cls(None, errors=(flag,), details={flag: detail}, execution_time_s=execution_time_s)

    @classmethod
    def of(cls, reward: float, **rest: Any) -> Grade:
        """Make a grade from a number; a NaN or infinity is a failure, never a reward."""
        if not math.isfinite(reward):
            return cls.failure("other_error", f"the grader returned {reward}, which is not a finite number")
        return cls(float(reward), **rest)


class Grader(Protocol):
    """Scores samples. Closing frees its worker process, if it has one; it may be called twice."""

    name: str
    type: str

    def grade_batch(self, pairs: Sequence[tuple[Sample, dict[str, Any]]]) -> list[Grade]:
        """Grade each (sample, item) in order; never raises for what a sample or item contains."""
        ...

    def close(self) -> None:
        """Free what the grader holds."""
        ...


class ComparingGrader:
    """Grades by comparing two rendered templates, a config's `input` and `reference`."""

    def __init__(self, config: dict[str, Any], compare: Callable[[str, str], float]) -> None:
        self.name: str = config["name"]
        self._input = parse_template(config["input"])
        self._reference = parse_template(config["reference"])
        self._compare = compare

    def grade_batch(self, pairs: Sequence[tuple[Sample, dict[str, Any]]]) -> list[Grade]:
        """Grade each (sample, item) by how its two texts compare."""
        return [self._grade(sample, item) for sample, item in pairs]

    def _grade(self, sample: Sample, item: dict[str, Any]) -> Grade:
        start = perf_counter()
        namespace = sample_namespace(sample)
        try:
            text, reference = self._input.render(item, namespace), self._reference.render(item, namespace)
        except TemplateError as error:
            return unreadable(error, sample)
        return Grade.of(self._compare(text, reference), execution_time_s=perf_counter() - start)

    def close(self) -> None:
        """Free nothing: this grader holds nothing."""


def sample_namespace(sample: Sample) -> dict[str, Any]:
    """Lay a sample out as graders see it: the `sample` of a template and of `grade(sample, item)`.

    Keys are the documented five (graders guide): `choices` in the chat-completions form,
    `output_text`, `output_tools`, `output_audio` (always null here) and `output_json`, which is
    absent where the output is not JSON, so that `"output_json" in sample` tells it from a JSON null.
    """
    message: dict[str, Any] = {"role": "assistant", "content": sample.output_text}
    if sample.output_tools:
        message["tool_calls"] = sample.output_tools
    choice = {"index": 0, "finish_reason": sample.finish_reason, "message": message}
    namespace: dict[str, Any] = {
        "choices": [choice],
        "output_text": sample.output_text,
        "output_tools": sample.output_tools,
        "output_audio": None,
    }
    if sample.output_json is not ABSENT:
        namespace["output_json"] = sample.output_json
    return namespace


def unreadable(error: TemplateError, sample: Sample) -> Grade:
    """Make the grade of a template that names something which is not there.

    What the output lacks is the sample's fault, what the row lacks is the data's.
    """
    if error.namespace == "item":
        return Grade.failure("invalid_variable_error", one_line(str(error)))
    cut = "; the token cap cut the output off" if sample.is_truncated else ""
    return Grade.failure("sample_parse_error", one_line(str(error) + cut))
