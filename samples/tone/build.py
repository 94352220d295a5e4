"""Build the rows of the tone sample: what customers of an invented shop write, and what a reply must hold.

In: a seed and the hand-written wordings of shop.py, customers.py and local.py. Out: the full task (train,
validation, test: a letter in the house tone, to be judged) and an easier one for a small model (local-train,
local-validation, local-test: one sentence, checked without a judge).
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from building import build_sample
from letters import letter_row
from local import local_row

SEED = 20261122
PACKAGES: dict[str, str] = {}
SIZES = {"train": 320, "validation": 100, "test": 200}
QUICK_ROWS = 24
N_TIERS = 4

Row = dict[str, Any]


def build() -> dict[str, list[Row]]:
    """Draw both tasks; customers, orders and wordings of messages stand in one split each."""
    files: dict[str, list[Row]] = {}
    for split, n_rows in SIZES.items():
        files[split] = rows_of(split, n_rows, letter_row, "letters")
        files[f"local-{split}"] = rows_of(split, n_rows, local_row, "local")
    for stem in ("validation", "local-validation"):
        files[f"{stem}-quick"] = files[stem][:QUICK_ROWS]
    return files


def rows_of(split: str, n_rows: int, make: Any, stream: str) -> list[Row]:
    """Draw rows, the tiers in turn; no order occurs twice."""
    rng = random.Random(f"{SEED}-{stream}-{split}")
    rows: list[Row] = []
    seen: set[str] = set()
    while len(rows) < n_rows:
        row = make(rng, split, 1 + len(rows) % N_TIERS)
        if row["order"] not in seen:
            seen.add(row["order"])
            rows.append(row)
    return rows


if __name__ == "__main__":
    sys.exit(build_sample(__file__, build, seed=SEED, packages=PACKAGES))
