"""Which split an entity belongs to.

In: the name of a pinpoint or a day, and the seed. Out: one of three splits.
"""

from __future__ import annotations

import random

SPLITS = {"train": (0.0, 0.5), "validation": (0.5, 0.68), "test": (0.68, 1.0)}


def split_of(entity: str, seed: int) -> str:
    """Return the one split in which an entity occurs."""
    drawn = random.Random(f"{seed}-{entity}").random()
    return next(split for split, (low, high) in SPLITS.items() if low <= drawn < high)
