"""Where a JSON value ends while it is being written, token by token.

In: pieces of text in order. Out: the offset in the piece at which the first object or array closes.
Only brackets, quotes and backslashes matter, all ASCII, so a piece may end inside a character.
"""

from __future__ import annotations

_OPEN, _CLOSE = "{[", "}]"


class JsonEnd:
    """Follows brackets from the first `{` or `[` on; text before it is skipped."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def feed(self, piece: str) -> int | None:
        """Read the next piece; returns the offset just after the closing bracket, or None."""
        for offset, char in enumerate(piece):
            if self._in_string:
                self._read_in_string(char)
            elif char in _OPEN:
                self._depth += 1
            elif char == '"' and self._depth:
                self._in_string = True
            elif char in _CLOSE and self._depth:
                self._depth -= 1
                if not self._depth:
                    return offset + 1
        return None

    def _read_in_string(self, char: str) -> None:
        if self._escaped:
            self._escaped = False
        elif char == "\\":
            self._escaped = True
        elif char == '"':
            self._in_string = False
