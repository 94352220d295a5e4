"""A dataset row, a model output, and whoever turns one into the other.

In: nothing. Out: `Example`, `Sample`, `ABSENT`, `Sampler`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Example:
    """One row of a dataset: a prompt and the reference fields its grader needs.

    Attributes:
        line_number: 1-based line in its file.
        messages: the prompt, in the chat-completions form.
        tools: tool definitions, or None.
        item: the whole row, `messages` and `tools` included (the platform leaves open whether they are).
    """

    line_number: int
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None
    item: dict[str, Any]


class _Absent:
    """The type of ABSENT."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()
"""`output_json` where the sample has none; distinct from a JSON null."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One model output.

    Attributes:
        output_text: the answer, without any thinking part.
        output_json: the answer parsed as JSON, or ABSENT when it does not parse.
        output_tools: tool calls in the wire's form; `function.arguments` is a JSON string.
        finish_reason: "stop", "length", "tool_calls" or what the provider said.
        judged: results of judges that came with this output, by grader name, "*" for every other; a model
            grader takes its result from here and asks no judge. Empty but for cases that bring one.
    """

    output_text: str
    output_json: Any = ABSENT
    output_tools: list[dict[str, Any]] = field(default_factory=list)
    finish_reason: str = "stop"
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    judged: dict[str, Any] = field(default_factory=dict)

    @property
    def is_truncated(self) -> bool:
        """Whether the token cap ended this output."""
        return self.finish_reason == "length"


def parse_output(text: str) -> Any:
    """Read an output as JSON, for `Sample.output_json`; ABSENT when it is not one strict JSON value."""

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        return ABSENT


class Sampler(Protocol):
    """Anything that answers chat messages: a provider's model, a checkpoint, a judge."""

    def sample(
        self,
        messages: Sequence[dict[str, Any]],
        *,
        response_format: dict[str, Any] | None = None,
        params: dict[str, Any] | None = None,
    ) -> tuple[Sample, dict[str, int]]:
        """Answer once; returns the sample and its token counts.

        Raises:
            ProviderError: the model did not answer.
        """
        ...
