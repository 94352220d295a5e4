"""Read matters.toml, the words that the full task is told in.

In: matters.toml beside this file. Out: constants; see the comments there for the slots of each text.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Act:
    """Something to be done in time: the passage that sets the period; facts and question in other words."""

    name: str
    passage: str
    facts: str
    question: str
    is_served: bool = False


_WORDS = tomllib.loads((Path(__file__).parent / "matters.toml").read_text("utf-8"))
COURT, HEARING, CONTRACT, EXPIRY = (
    tuple(Act(**act) for act in _WORDS[kind]) for kind in ("court", "hearing", "contract", "expiry")
)
COUNTING: tuple[str, ...] = tuple(_WORDS["counting"])
CALENDAR: str = _WORDS["calendar"]
CLOSED: str = _WORDS["closed"]
PRECEDENCE: str = _WORDS["precedence"]
SERVED: tuple[str, ...] = tuple(_WORDS["served"])
MAILED: str = _WORDS["mailed"]
COURTS: tuple[str, ...] = tuple(_WORDS["courts"])
TRADES: tuple[str, ...] = tuple(_WORDS["trades"])
PARTIES: dict[str, tuple[str, ...]] = {split: tuple(names) for split, names in _WORDS["parties"].items()}
