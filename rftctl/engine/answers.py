"""A completion read as an answer: text, JSON, tool calls.

In: a `Completion` of any backend. Out: a `Sample`, the same for rollouts and for the chat endpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rftctl.dataset import ABSENT, Sample, parse_output
from rftctl.dataset.calls import read_calls

if TYPE_CHECKING:
    from rftctl.engine.backend import Completion


def to_sample(completion: Completion, *, has_response_format: bool) -> Sample:
    """Read a completion.

    Args:
        has_response_format: only then does `output_json` exist, as on the platform.

    Returns:
        A sample whose `finish_reason` is "tool_calls" when at least one call could be read; its text is
        what stood around the calls.
    """
    calls, text = read_calls(completion.text)
    finish_reason = "tool_calls" if calls else completion.stop_reason
    return Sample(
        output_text=text,
        output_json=parse_output(text) if has_response_format else ABSENT,
        output_tools=calls,
        finish_reason=finish_reason,
        completion_tokens=len(completion.tokens),
        reasoning_tokens=completion.reasoning_tokens,
    )
