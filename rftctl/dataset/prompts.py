"""Remember which prompts a split has, in 12 bytes a row.

In: the 64-bit hash of each row's prompt and its line. Out: the lines whose prompt stands earlier in the
split, or in another one. They are compared a part at a time, so that memory stays bounded then too.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PART_ROWS = 2**17


class PromptIndex:
    """The prompts of one split, as plain numbers.

    Attributes:
        add_key, add_line: take one row: a signed 64-bit hash of its prompt, then its line.
    """

    def __init__(self) -> None:
        self._keys, self._lines = array("q"), array("I")
        self.add_key, self.add_line = self._keys.append, self._lines.append

    def __len__(self) -> int:
        return len(self._keys)

    def repeats(self) -> Iterator[tuple[int, int]]:
        """Yield (line, line where the same prompt first stands), in no order."""
        for mask, part in self._parts(len(self)):
            keys = self._part(mask, part)
            if len(set(keys)) == len(keys):
                continue
            first: dict[int, int] = {}
            for key, line in self._rows(mask, part):
                earlier = first.setdefault(key, line)
                if earlier != line:
                    yield line, earlier

    def shared(self, other: PromptIndex) -> Iterator[tuple[int, int]]:
        """Yield (line, first line of the other split with the same prompt), in no order."""
        for mask, part in self._parts(max(len(self), len(other))):
            common = set(self._part(mask, part)).intersection(other._part(mask, part))
            if not common:
                continue
            first: dict[int, int] = {}
            for key, line in other._rows(mask, part):
                if key in common:
                    first.setdefault(key, line)
            yield from ((line, first[key]) for key, line in self._rows(mask, part) if key in common)

    def _parts(self, n_rows: int) -> Iterator[tuple[int, int]]:
        """Split all keys by their last bits into parts of a bounded number of rows."""
        mask = 0
        while n_rows > _PART_ROWS * (mask + 1):
            mask = mask * 2 + 1
        yield from ((mask, part) for part in range(mask + 1))

    def _part(self, mask: int, part: int) -> array[int] | list[int]:
        return [key for key in self._keys if key & mask == part] if mask else self._keys

    def _rows(self, mask: int, part: int) -> Iterator[tuple[int, int]]:
        for key, line in zip(self._keys, self._lines, strict=True):
            if key & mask == part:
                yield key, line
