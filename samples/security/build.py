"""Build the rows of the security sample: requests, the policy they fall under, and the verdict that follows.

In: a seed and the sentences of policy.toml. Out: the full task (train, validation, test) and an easier one
for a small model (local-train, local-validation, local-test).
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from building import Rows, build_sample
from full_task import full_rows
from local_task import local_rows

SEED = 20261123
PACKAGES: dict[str, str] = {}
SIZES = {"train": 360, "validation": 120, "test": 216}
QUICK_ROWS = 24


def build() -> dict[str, Rows]:
    """Draw both tasks, each split from its own stream."""
    files = {split: full_rows(split, n, random.Random(f"{SEED}-full-{split}")) for split, n in SIZES.items()}
    files["validation-quick"] = files["validation"][:QUICK_ROWS]
    for split, n in SIZES.items():
        files[f"local-{split}"] = local_rows(split, n, random.Random(f"{SEED}-local-{split}"))
    files["local-validation-quick"] = files["local-validation"][:QUICK_ROWS]
    return files


if __name__ == "__main__":
    sys.exit(build_sample(__file__, build, seed=SEED, packages=PACKAGES))
