"""Find where a value stands in a line of JSON.

In: a line that decodes, and the keys and indexes that lead to a value. Out: a column.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BLANKS = re.compile(r"[ \t\n\r]*")
_raw_decode = json.JSONDecoder().raw_decode


def locate(line: bytes, path: Sequence[str | int]) -> int:
    """Return the 1-based column of the value under this path, or of its nearest parent that is there.

    Args:
        line: a line that `read_line` accepts.
    """
    text = line.decode()
    at = _blanks(text, 0)
    for segment in path:
        members = _members(text, at) if text[at] == "{" else _elements(text, at) if text[at] == "[" else ()
        found = next((start for name, start in members if name == segment), None)
        if found is None:
            break
        at = found
    return at + 1


def _blanks(text: str, at: int) -> int:
    match = _BLANKS.match(text, at)
    return match.end() if match else at


def _members(text: str, at: int) -> Iterator[tuple[str, int]]:
    at = _blanks(text, at + 1)
    while text[at] != "}":
        name, at = _raw_decode(text, at)
        start = _blanks(text, _blanks(text, at) + 1)
        yield name, start
        at = _blanks(text, _raw_decode(text, start)[1])
        at = _blanks(text, at + 1) if text[at] == "," else at


def _elements(text: str, at: int) -> Iterator[tuple[int, int]]:
    at = _blanks(text, at + 1)
    index = 0
    while text[at] != "]":
        yield index, at
        index += 1
        at = _blanks(text, _raw_decode(text, at)[1])
        at = _blanks(text, at + 1) if text[at] == "," else at
