"""Read the hand-written notes of notes.toml.

In: notes.toml. Out: `FAMILIES`, each a note with slots and the codes that its slots lead to.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Family:
    """Notes of one kind; notes.toml says what each field means."""

    split: str
    tier: int
    note: str
    codes: str
    ages: tuple[int, int]
    slots: dict[str, dict[str, str]] = field(default_factory=dict)
    excluded: tuple[str, ...] = ()
    ordered: bool = False


def read_families(path: Path) -> tuple[Family, ...]:
    """Read every family of a file."""
    entries: list[dict[str, Any]] = tomllib.loads(path.read_text("utf-8"))["family"]
    return tuple(
        Family(**{**entry, "ages": tuple(entry["ages"]), "excluded": tuple(entry.get("excluded", ()))})
        for entry in entries
    )


FAMILIES = read_families(Path(__file__).parent / "notes.toml")
