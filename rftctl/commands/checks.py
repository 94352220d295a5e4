"""What the doctor says of one thing.

In: nothing. Out: `Check`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "missing", "broken"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at; `broken` is what rftctl cannot work without."""

    name: str
    state: State
    detail: str
    hint: str = ""
