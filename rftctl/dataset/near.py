"""Find prompts that are nearly the same, in bounded time and memory.

In: the prompts of a split's first rows. Out: pairs of lines whose own words are nearly all shared. A word
that many prompts have is the frame they are built on and counts for none of them, so rows made from one
template are not alike just for that. Of the words left, the 16 with the smallest checksums stand for the
prompt (a bottom-k sketch); prompts that share one of the two smallest are compared. After Broder, "On the
resemblance and containment of documents", 1997.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NEAR_ROWS = 20_000
"""Rows that are compared; each takes about 0.3 kB."""
_FRAME_ROWS = 200
_FRAME_SHARE = 0.2
_FRAME_MIN = 5
_MIN_ROWS = 10
_MIN_WORDS = 5
_MAX_CHARS = 8_000
_SKETCH = 16
_ENTRIES = 2
_ALIKE = 0.8


class _Prompt(NamedTuple):
    line: int
    key: int
    sketch: tuple[int, ...]


class NearPair(NamedTuple):
    """Two lines whose prompts are alike; `other` names the split of the second, "" for the same one."""

    line: int
    other: str
    other_line: int
    alike: float


class NearIndex:
    """The sketches of one split's first rows.

    Args:
        others: splits read before; their frame is taken over.
        n_rows: rows that are compared.

    Attributes:
        n_seen: rows taken so far.
        is_open: whether further rows are taken.
        pairs: prompts found alike.
    """

    def __init__(self, others: Mapping[str, NearIndex], n_rows: int = NEAR_ROWS) -> None:
        self._others = {name: other for name, other in others.items() if other._entries}
        self._frame: frozenset[str] | None = next(
            (other._frame for other in self._others.values() if other._frame is not None), None
        )
        self._waiting: list[tuple[int, int, frozenset[str]]] = []
        self._entries: dict[int, _Prompt] = {}
        self._n_rows = n_rows
        self.n_seen = 0
        self.is_open = n_rows > 0
        self.pairs: list[NearPair] = []

    def add(self, line: int, key: int, prompt: str) -> None:
        """Take one prompt; `key` is the same for equal prompts, which are not reported here."""
        self.n_seen += 1
        self.is_open = self.n_seen < self._n_rows
        words = frozenset(prompt[:_MAX_CHARS].lower().split())
        if self._frame is not None:
            self._compare(line, key, words - self._frame)
            return
        self._waiting.append((line, key, words))
        if len(self._waiting) >= _FRAME_ROWS:
            self._settle()

    def finish(self) -> Iterator[NearPair]:
        """Compare what still waits, and yield the pairs in the order of their lines."""
        if self._waiting and (len(self._waiting) >= _MIN_ROWS):
            self._settle()
        yield from self.pairs

    def _settle(self) -> None:
        counts = Counter(word for _, _, words in self._waiting for word in words)
        bound = max(_FRAME_MIN, _FRAME_SHARE * len(self._waiting))
        self._frame = frozenset(word for word, n in counts.items() if n >= bound)
        for line, key, words in self._waiting:
            self._compare(line, key, words - self._frame)
        self._waiting = []

    def _compare(self, line: int, key: int, words: frozenset[str]) -> None:
        if len(words) < _MIN_WORDS:
            return
        sketch = tuple(sorted({crc32(word.encode()) for word in words})[:_SKETCH])
        prompt = _Prompt(line, key, sketch)
        for name, index in (("", self), *self._others.items()):
            self._meet(prompt, name, index)
        for mark in sketch[:_ENTRIES]:
            self._entries.setdefault(mark, prompt)

    def _meet(self, prompt: _Prompt, name: str, index: NearIndex) -> None:
        met = {entry for mark in prompt.sketch[:_ENTRIES] if (entry := index._entries.get(mark)) is not None}
        for entry in sorted(met):
            alike = _alike(prompt.sketch, entry.sketch)
            if entry.key != prompt.key and alike >= _ALIKE:
                self.pairs.append(NearPair(prompt.line, name, entry.line, alike))
                return


def _alike(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """Estimate which share of the words of two prompts both have."""
    both = sorted({*one, *other})[:_SKETCH]
    shared = set(one) & set(other)
    return sum(mark in shared for mark in both) / len(both)
