"""Rank the genes of the full task's rows without a model, by looking the findings up in Orphanet's own table.

In: rows, the annotations they were drawn from. Out: how often the right gene comes first, among five, among
ten, and its worst rank. A gene's score is the best of its diseases: the summed information content of the
terms, ancestors too, that the disease shares with what the patient is said to have. It has the answer table,
which a model has not: it says how hard the noise made a tier and is no model's score. Absent findings are
not used.

    build-env/bin/python samples/genes/lookup.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from hpo import Hpo, load

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Print the look-up's accuracy for the test rows, tier by tier and together."""
    hpo = load()
    rows = [json.loads(line) for line in (HERE / "test.jsonl").read_text("utf-8").splitlines()]
    ranks = [(row["tier"], rank_of(hpo, row)) for row in rows]
    print("tier   n  top-1  top-5  top-10  worst rank")
    for tiers in ({1}, {2}, {3}, {4}, {1, 2, 3, 4}):
        some = [rank for tier, rank in ranks if tier in tiers]
        shares = "  ".join(f"{sum(rank <= most for rank in some) / len(some):.3f}" for most in (1, 5, 10))
        print(f"{'all' if len(tiers) > 1 else min(tiers)!s:4} {len(some):3}  {shares}   {max(some)}")


def rank_of(hpo: Hpo, row: dict[str, Any]) -> int:
    """Return the right gene's rank; genes with the same score all count as better."""
    given = hpo.closure(frozenset(finding["id"] for finding in row["findings"]))
    best: dict[str, float] = {}
    for orpha, genes in hpo.genes.items():
        shared = sorted(given & hpo.closures.get(orpha, frozenset()))
        score = sum(hpo.information[term] for term in shared)
        for gene in genes:
            best[gene] = max(score, best.get(gene, 0.0))
    right = best[row["genes"][0]]
    return sum(score >= right for score in best.values())


if __name__ == "__main__":
    main()
