"""The model graders: `score_model` asks a judge for a number, `label_model` for one of some labels.

The judge is asked for a structured reply, `{"steps": [...], "result": …}` (graders guide). A number is
clipped to `range`; anything else fails with `model_grader_parse_error`, a refusal with
`model_grader_refusal_error`, a judge that did not answer with `model_grader_server_error`.
A sample that brings its judges' results (`Sample.judged`) is graded by them.
A label gives 1.0 when it is one of `passing_labels`, else 0.0.
"""

from __future__ import annotations

import math
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from rftctl.dataset import Sample
from rftctl.errors import ProviderError, TimedOutError
from rftctl.graders.base import Grade, TokenUsage, sample_namespace, unreadable
from rftctl.graders.messages import parse_messages
from rftctl.template import TemplateError
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import ThreadPoolExecutor

    from rftctl.dataset import Sampler

DEFAULT_CONCURRENCY = 8
"""Questions asked at a time of a sampler that names no `concurrency` of its own."""

_STEPS = {
    "type": "array",
    "description": "The reasoning steps that lead to the result.",
    "items": {
        "type": "object",
        "properties": {"description": {"type": "string"}, "conclusion": {"type": "string"}},
        "required": ["description", "conclusion"],
        "additionalProperties": False,
    },
}
_WIRE_PARAMS = {"max_completions_tokens": "max_completion_tokens", "max_tokens": "max_completion_tokens"}


class _ModelGrader:
    """What both model graders share: render the messages, ask, read the reply."""

    type: str

    def __init__(self, config: dict[str, Any], sampler: Sampler, result: dict[str, Any]) -> None:
        self.name: str = config["name"]
        self._model: str = config["model"]
        self._messages = parse_messages(config["input"])
        self._sampler = sampler
        self._concurrency: int = getattr(sampler, "concurrency", DEFAULT_CONCURRENCY)
        self._params = {"model": self._model, **_wire_params(config.get("sampling_params") or {})}
        self._format = _reply_format(result)
        self._threads: ThreadPoolExecutor | None = None

    def grade_batch(self, pairs: Sequence[tuple[Sample, dict[str, Any]]]) -> list[Grade]:
        """Grade each (sample, item) by the judge's answer, several at a time."""
        if len(pairs) < 2:
            return [self._grade(pair) for pair in pairs]
        if self._threads is None:
            from concurrent.futures import ThreadPoolExecutor

            self._threads = ThreadPoolExecutor(self._concurrency, thread_name_prefix="judge")
        return list(self._threads.map(self._grade, pairs))

    def close(self) -> None:
        """End the threads."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
            self._threads = None

    def _grade(self, pair: tuple[Sample, dict[str, Any]]) -> Grade:
        sample, item = pair
        start = perf_counter()
        try:
            messages = self._messages.render(item, sample_namespace(sample))
        except TemplateError as error:
            return unreadable(error, sample)
        if sample.judged:
            return self._read(_recorded(sample.judged, self.name))
        try:
            reply, tokens = self._sampler.sample(messages, response_format=self._format, params=self._params)
        except (ProviderError, TimedOutError) as error:
            seconds = perf_counter() - start
            flag = "model_grader_server_error"
            return Grade.failure(flag, one_line(error.message, limit=300), execution_time_s=seconds)
        return replace(
            self._read(reply),
            execution_time_s=perf_counter() - start,
            token_usage={self._model: _as_usage(tokens)},
        )

    def _read(self, reply: Sample) -> Grade:
        if reply.finish_reason in ("refusal", "content_filter"):
            said = one_line(reply.output_text) or "the content filter stopped it"
            return Grade.failure("model_grader_refusal_error", f"the judge refused: {said}")
        result = reply.output_json.get("result") if isinstance(reply.output_json, dict) else reply.output_json
        reward = self._reward(result)
        if reward is not None:
            return Grade(reward)
        if reply.is_truncated:
            detail = "the token cap cut the judge's answer off; raise max_completions_tokens"
        else:
            detail = (
                f"the judge's answer has no usable result: {one_line(reply.output_text) or 'it is empty'}"
            )
        return Grade.failure("model_grader_parse_error", detail)

    def _reward(self, result: Any) -> float | None:
        raise NotImplementedError


class ScoreModelGrader(_ModelGrader):
    """A judge's number, clipped to the range."""

    type = "score_model"

    def __init__(self, config: dict[str, Any], sampler: Sampler) -> None:
        low, high = config.get("range") or (0, 1)
        self._low, self._high = float(low), float(high)
        description = f"The score, a number from {low} to {high}."
        super().__init__(config, sampler, {"type": "number", "description": description})

    def _reward(self, result: Any) -> float | None:
        if isinstance(result, bool) or not isinstance(result, int | float):
            return None
        # Clip first: an integer beyond a double is still on one side of the range.
        clipped = min(max(result, self._low), self._high)
        return float(clipped) if math.isfinite(clipped) else None


class LabelModelGrader(_ModelGrader):
    """A judge's label: 1.0 when it passes, else 0.0."""

    type = "label_model"

    def __init__(self, config: dict[str, Any], sampler: Sampler) -> None:
        self._labels = tuple(config["labels"])
        self._passing = frozenset(config["passing_labels"])
        super().__init__(config, sampler, {"type": "string", "enum": list(self._labels)})

    def _reward(self, result: Any) -> float | None:
        if not isinstance(result, str) or result not in self._labels:
            return None
        return 1.0 if result in self._passing else 0.0


def _recorded(judged: dict[str, Any], name: str) -> Sample:
    # A result that was not recorded reads as a judge that gave none: it never becomes a reward.
    result = judged.get(name, judged.get("*"))
    return Sample("" if result is None else str(result), {"result": result})


def _reply_format(result: dict[str, Any]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {"steps": _STEPS, "result": result},
        "required": ["steps", "result"],
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": "grade", "strict": True, "schema": schema}}


def _wire_params(params: dict[str, Any]) -> dict[str, Any]:
    return {_WIRE_PARAMS.get(key, key): value for key, value in params.items() if value is not None}


def _as_usage(tokens: dict[str, int]) -> TokenUsage:
    names = ("prompt_tokens", "completion_tokens", "cached_tokens")
    return TokenUsage(*(tokens.get(name, 0) for name in names))
