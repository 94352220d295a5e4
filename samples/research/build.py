"""Build the rows of the research sample, and the corpus that their searches ran over.

In: a seed and the data files of courts-db and reporters-db. Out: corpus.jsonl; the full task (train,
validation, test: one move of a research); an easier one for a small model (local-*: the first search alone).
"""

from __future__ import annotations

import random
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from building import build_sample
from local import local_row
from moves import Desk
from records import Record, cut_corpus
from search import Archive

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = 20261123
PACKAGES = {"courts-db": "0.10.27", "reporters-db": "3.2.67"}
SIZES = {"train": 360, "validation": 120, "test": 220}
SHARES = {"train": 0.5, "validation": 0.2, "test": 0.3}
QUICK_ROWS = 24
TIERS = (1, 2, 3, 4)

Row = dict[str, Any]


def build() -> dict[str, list[Row]]:
    """Cut the corpus and draw both tasks; no record that is asked for stands in two splits."""
    records = cut_corpus(random.Random(f"{SEED}-corpus"))
    archive = Archive(record.row() for record in records)
    files = {"corpus": [record.row() for record in records]}
    split_records = split_by_family(records)
    for split, own in split_records.items():
        desk = Desk(random.Random(f"{SEED}-full-{split}"), archive, own)
        files[split] = distinct_rows(SIZES[split], desk.row)
    files["validation-quick"] = files["validation"][:QUICK_ROWS]
    for split, own in split_records.items():
        rng = random.Random(f"{SEED}-local-{split}")
        alone = [record for record in own if not (record.before or record.after)]
        files[f"local-{split}"] = distinct_rows(SIZES[split], partial(local_row, rng, archive, alone))
    files["local-validation-quick"] = files["local-validation"][:QUICK_ROWS]
    return files


def split_by_family(records: list[Record]) -> dict[str, list[Record]]:
    """Deal families out; the series of one reporter stay together."""
    families = sorted({record.family for record in records})
    random.Random(f"{SEED}-split").shuffle(families)
    dealt: dict[str, list[Record]] = {}
    start = 0.0
    for split, share in SHARES.items():
        chosen = set(families[round(start * len(families)) : round((start + share) * len(families))])
        dealt[split] = [record for record in records if record.family in chosen]
        start += share
    return dealt


def distinct_rows(n: int, draw: Callable[[int], Row | None]) -> list[Row]:
    """Draw rows of tier 1, 2, 3, 4, 1, ... until there are n; no prompt occurs twice."""
    rows: list[Row] = []
    seen: set[str] = set()
    while len(rows) < n:
        row = draw(TIERS[len(rows) % len(TIERS)])
        prompt = str(row and row["messages"])
        if row is not None and prompt not in seen:
            seen.add(prompt)
            rows.append(row)
    return rows


if __name__ == "__main__":
    sys.exit(build_sample(__file__, build, seed=SEED, packages=PACKAGES))
