"""One thing wrong with a dataset row.

In: nothing. Out: `Fault`, which becomes a finding once its file and line are known.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from rftctl.finding import Level

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indexes from a row to a value in it."""


class Fault(NamedTuple):
    """One thing wrong with a row; it gets its line from the row and its column from `path`.

    Attributes:
        path: keys and indexes that lead to the value at fault, as far as they are there.
    """

    code: str
    message: str
    hint: str
    level: Level = Level.ERROR
    path: Path = ()
