"""Build the rows of the legal-assistant sample: deadlines and the passages that set them.

In: a seed, the counting rules in counting.py, the wording in matters.toml. Out: the full task (train,
validation, test: due date and pinpoint) and an easier one for a small model (local-train, local-validation,
local-test: days and pinpoint).
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from building import build_sample
from full_rows import full_row
from local_rows import local_row

SEED = 20261123
PACKAGES: dict[str, str] = {}
SIZES = {"train": 360, "validation": 120, "test": 220}
QUICK_ROWS = 24
TIERS = 4

Row = dict[str, Any]


def build() -> dict[str, list[Row]]:
    """Draw both tasks; the tiers take turns."""
    files = {split: rows_of(split, full_row, 1) for split in SIZES}
    files["validation-quick"] = files["validation"][:QUICK_ROWS]
    for split in SIZES:
        files[f"local-{split}"] = rows_of(split, local_row, 2)
    files["local-validation-quick"] = files["local-validation"][:QUICK_ROWS]
    return files


def rows_of(split: str, make: Any, stream: int) -> list[Row]:
    """Draw one split of one task; no prompt occurs twice."""
    rng = random.Random(f"{SEED}-{stream}-{split}")
    rows: list[Row] = []
    seen = set()
    while len(rows) < SIZES[split]:
        row = make(rng, split, len(rows) % TIERS + 1, SEED)
        prompt = json.dumps(row["messages"])
        if prompt not in seen:
            seen.add(prompt)
            rows.append(row)
    order = random.Random(f"{SEED}-order-{stream}-{split}")
    order.shuffle(rows)
    return rows


if __name__ == "__main__":
    sys.exit(build_sample(__file__, build, seed=SEED, packages=PACKAGES))
