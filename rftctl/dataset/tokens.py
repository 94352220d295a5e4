"""Count the tokens of prompts, or bound them.

In: lines of a dataset, and the tokenizer of the model. Out: a `TokenReport` with the longest rows, and
`Fault`s for rows that are longer than the model reads. With the extra `tokens` o200k_base is counted
exactly and offline, and any other tokenizer from its tokenizer.json; without it a prompt of N bytes has at
most N tokens, and at least N / 128. Counting takes about 70 us a kB: the first 8 MiB are counted in full,
after that the longest rows only, and every row that may be too long.
"""

from __future__ import annotations

import heapq
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from rftctl.dataset.fault import Fault
from rftctl.finding import Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

O200K = "o200k_base"
COUNTED_BYTES = 8 * 2**20
_N_LONGEST = 5
_LONGEST_TOKEN = 128
"""Bytes of the longest token of o200k_base, a run of blanks."""
_CHUNK = 200_000
_A_MESSAGE, _A_PROMPT = 4, 3
_INSTALL_HINT = "to count exactly: pip install 'rftctl[tokens]'"
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a model reads.

    Attributes:
        tokenizer: "o200k_base", or the path of a tokenizer.json; "" when it is not known.
        context_tokens: tokens that the model reads at most, or None.
        model: its name, for the findings.
    """

    tokenizer: str = ""
    context_tokens: int | None = None
    model: str = "the model"


@dataclass(frozen=True, slots=True)
class RowTokens:
    """How many tokens a row's prompt has: exactly `low` where both are equal. The frame is an estimate."""

    line: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class TokenReport:
    """The tokens of one split.

    Attributes:
        tokenizer: what counted; "" where only bytes were counted.
        n_counted: rows counted exactly.
        mean: tokens of those on average, or None.
        longest: the longest rows, longest first.
    """

    tokenizer: str = ""
    n_counted: int = 0
    mean: float | None = None
    longest: tuple[RowTokens, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the report as a dict; `longest` holds line, low and high."""
        return {
            "tokenizer": self.tokenizer,
            "n_counted": self.n_counted,
            "mean": self.mean,
            "longest": [{"line": row.line, "low": row.low, "high": row.high} for row in self.longest],
        }


class TokenWatch:
    """Follows the lengths of one split's prompts.

    Attributes:
        from_bytes: lines longer than this must be shown to `see`.
    """

    def __init__(self, rules: TokenRules, counted_bytes: int = COUNTED_BYTES) -> None:
        self._rules = rules
        self._count = find_counter(rules.tokenizer)
        self._left = counted_bytes if self._count is not None else 0
        self._n_counted = self._n_tokens = 0
        self._by_bytes: list[int] = []
        self._longest: list[tuple[int, int, int]] = []
        self.from_bytes = 0

    def see(self, line_number: int, line: bytes) -> Iterator[Fault]:
        """Take a line that holds a right row."""
        row = _decode(line)
        tokens = self._tokens(line_number, row, len(line))
        heapq.heappush(self._longest, (tokens.high, -line_number, tokens.low))
        heapq.heappush(self._by_bytes, len(line))
        if len(self._longest) > _N_LONGEST:
            heapq.heappop(self._longest)
            heapq.heappop(self._by_bytes)
        if self._left <= 0 and len(self._by_bytes) == _N_LONGEST:
            limit = self._rules.context_tokens
            self.from_bytes = min(self._by_bytes[0], self._by_bytes[0] if limit is None else limit)
        yield from self._judge(tokens)

    def report(self) -> TokenReport:
        """Say what was counted so far."""
        rows = sorted(self._longest, reverse=True)
        return TokenReport(
            tokenizer=self._rules.tokenizer if self._count else "",
            n_counted=self._n_counted,
            mean=self._n_tokens / self._n_counted if self._n_counted else None,
            longest=tuple(RowTokens(-line, low, high) for high, line, low in rows),
        )

    def _tokens(self, line_number: int, row: dict[str, Any], n_bytes: int) -> RowTokens:
        texts = list(_texts(row))
        frame = _A_MESSAGE * len(row["messages"]) + _A_PROMPT
        if self._count is None:
            n_text = sum(len(text.encode()) for text in texts)
            return RowTokens(line_number, n_text // _LONGEST_TOKEN + frame, n_text + frame)
        self._left -= n_bytes
        n_tokens = sum(map(self._count, texts)) + frame
        self._n_counted += 1
        self._n_tokens += n_tokens
        return RowTokens(line_number, n_tokens, n_tokens)

    def _judge(self, tokens: RowTokens) -> Iterator[Fault]:
        limit, model = self._rules.context_tokens, self._rules.model
        if limit is None or tokens.high <= limit:
            return
        if tokens.low > limit:
            message = f"the prompt has {_about(tokens)} tokens; {model} reads {limit:,}"
            yield Fault("RFT243", message, "shorten it, and leave room for the answer", path=("messages",))
        else:
            message = (
                f"the prompt may be longer than the {limit:,} tokens that {model} reads: {_about(tokens)}"
            )
            yield Fault("RFT245", message, _INSTALL_HINT, Level.NOTE, ("messages",))


@lru_cache(maxsize=4)
def find_counter(tokenizer: str) -> Callable[[str], int] | None:
    """Return a function that counts the tokens of a text; None where the extra or the file is missing."""
    if tokenizer == O200K:
        return _o200k()
    return _from_file(tokenizer) if tokenizer.endswith(".json") else None


def _o200k() -> Callable[[str], int] | None:
    with warnings.catch_warnings():
        # It reads its table at import, with a call that newer Pythons deprecate.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            import bpe_openai
        except ImportError:
            return None
        encode = bpe_openai.get_encoding(O200K).encode_ordinary

    def count(text: str) -> int:
        # The encoder refuses long texts; a cut costs a token at most.
        return sum(len(encode(text[at : at + _CHUNK])) for at in range(0, len(text), _CHUNK))

    return count


def _from_file(path: str) -> Callable[[str], int] | None:
    try:
        import tokenizers
    except ImportError:
        return None
    try:
        encode = tokenizers.Tokenizer.from_file(path).encode
    except Exception as error:
        # The library raises a bare Exception for a file that it cannot read.
        if type(error) is Exception:
            return None
        raise
    return lambda text: len(encode(text, add_special_tokens=False).ids)


def _texts(row: dict[str, Any]) -> Iterator[str]:
    for message in row["messages"]:
        content = message.get("content")
        if isinstance(content, str):
            yield content
        for part in content if isinstance(content, list) else ():
            if isinstance(part.get("text"), str):
                yield part["text"]
        if message.get("tool_calls"):
            yield msgspec.json.encode(message["tool_calls"]).decode()
    if row.get("tools"):
        yield msgspec.json.encode(row["tools"]).decode()


def _about(tokens: RowTokens) -> str:
    return f"{tokens.low:,}" if tokens.low == tokens.high else f"{tokens.low:,} to {tokens.high:,}"
