"""The thinking part of a reasoning model: where it starts, ends, and when it must end.

In: a tokenizer and the tokens of a row as they come. Out: how many tokens were thought, where the answer
starts, and the marker to force once the budget is spent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_KNOWN_MARKERS = (("<think>", "</think>"), ("<thinking>", "</thinking>"), ("[THINK]", "[/THINK]"))

BUDGET_SHARES = {"low": 0.25, "medium": 0.5, "high": 0.75}
"""Share of `max_completion_tokens` the thinking part may take; effort `default` has no limit."""


@dataclass(frozen=True, slots=True)
class Markers:
    """Token ids that open and close the thinking part."""

    opens: int
    closes: int


def find_markers(tokenizer: Any) -> Markers | None:
    """Find the markers a model was trained with; None for a model that does not think aloud.

    A vocabulary may hold markers its model never uses, so the chat template must mention them too.
    """
    template, vocabulary = str(tokenizer.chat_template or ""), tokenizer.get_vocab()
    for opens, closes in _KNOWN_MARKERS:
        if opens in vocabulary and closes in vocabulary and closes in template:
            return Markers(vocabulary[opens], vocabulary[closes])
    return None


def thinking_budget(effort: str, max_tokens: int) -> int | None:
    """Turn a reasoning effort into tokens; None when the model may think as long as it likes."""
    share = BUDGET_SHARES.get(effort)
    return None if share is None else max(1, int(share * max_tokens))


class Thinking:
    """Follows one row through its thinking part.

    Args:
        markers: None for a model that does not think aloud.
        prompt: a template may open the thinking part at the end of the prompt itself.
        budget: tokens of the thinking part before it is closed, or None.
    """

    def __init__(self, markers: Markers | None, prompt: Sequence[int], budget: int | None) -> None:
        self._markers = markers
        self._budget = budget
        self.is_open = markers is not None and _opened_last(prompt, markers)
        self.n_tokens = 0
        self.answer_start = 0
        self._position = 0

    def forced(self) -> int | None:
        """Say which token must come next, or None when the policy may choose."""
        if self._markers is None or self._budget is None or not self.is_open:
            return None
        return self._markers.closes if self.n_tokens >= self._budget else None

    def feed(self, token: int) -> None:
        """Take the next token of the row."""
        self._position += 1
        if self._markers is None:
            return
        # A second opening marker is part of the answer: there is one thinking part.
        if token == self._markers.opens and not self.answer_start:
            self.is_open = True
        self.n_tokens += self.is_open
        if self.is_open and token == self._markers.closes:
            self.is_open = False
            self.answer_start = self._position


def _opened_last(prompt: Sequence[int], markers: Markers) -> bool:
    for token in reversed(prompt):
        if token in (markers.opens, markers.closes):
            return token == markers.opens
    return False
