"""Print top-1, top-5 and max-rank accuracy of outputs, tier by tier.

In: outputs, one JSON object a line with a `sample` and its row as `item`, as `rftctl evaluate --outputs DIR`
writes them, or as `line` (from 1) of a rows file, as in outputs.jsonl. Out: a table. An output that the
grader pays nothing for has no rank.
The reward blends these figures with the explanation, so they are told apart here. Standard library only.

    python samples/genes/ranks.py answers/tuned.jsonl
    python samples/genes/ranks.py samples/genes/outputs.jsonl samples/genes/train.jsonl
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from grader import grade, read_genes, read_object

Row = dict[str, Any]


def main(outputs: str, rows: str | None = None) -> None:
    """Print the share of right genes at rank 1, among the first five, and anywhere in the list."""
    known = read_lines(rows) if rows else []
    answers = [(o.get("item") or known[o["line"] - 1], text_of(o["sample"])) for o in read_lines(outputs)]
    ranks = [(row["tier"], rank_of(text, row)) for row, text in answers]
    most = len(answers[0][0]["credits"])
    print(f"tier    n  top-1  top-5  max rank ({most})")
    tiers = sorted({tier for tier, _ in ranks})
    for name, those in [*((str(tier), {tier}) for tier in tiers), ("all", set(tiers))]:
        some = [rank for tier, rank in ranks if tier in those]
        print(f"{name:4} {len(some):4}  {'  '.join(f'{accuracy(some, top):.3f}' for top in (1, 5, most))}")


def read_lines(path: str) -> list[Row]:
    """Read JSON Lines."""
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


def text_of(sample: Any) -> str:
    """Return the text of a sample, which is that or an object that holds it."""
    return str(sample["output_text"]) if isinstance(sample, dict) else sample


def rank_of(sample: str, row: Row) -> int | None:
    """Return the right gene's rank, from 1; None where it is not ranked or the grader pays nothing."""
    if not grade({"output_text": sample}, row):
        return None
    answer = read_object(sample)
    return read_genes((answer or {}).get("genes"), len(row["credits"])).index(row["genes"][0]) + 1


def accuracy(ranks: list[int | None], top: int) -> float:
    """Share of ranks that are at most `top`."""
    return sum(rank is not None and rank <= top for rank in ranks) / len(ranks)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: ranks.py OUTPUTS.jsonl [ROWS.jsonl]")
    main(*sys.argv[1:])
