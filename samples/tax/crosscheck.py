"""Compare the rows' figures with tenforty (Open Tax Solver), which did not help to make them.

In: tenforty in an environment of its own, see README.md. Out: how many rows agree, and the largest gap.
Run: python samples/tax/crosscheck.py
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

STATUSES = {"single": "Single", "joint": "Married/Joint"}


def main() -> int:
    """Check every row of the full task; exit 1 when a figure is off by more than the grader's tolerance."""
    import tenforty

    off: Counter[str] = Counter()
    widest = n = 0
    for split in ("train", "validation", "test"):
        for line in (Path(__file__).parent / f"{split}.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            facts, wanted = row["facts"], row["answer"]
            found = tenforty.evaluate_return(
                year=facts["year"],
                filing_status=STATUSES[facts["status"]],
                w2_income=facts["wages"],
                taxable_interest=facts["interest"],
                long_term_capital_gains=facts["gain"],
            )
            figures = {
                "agi": found.federal_adjusted_gross_income,
                "taxable_income": found.federal_taxable_income,
                "tax": found.federal_total_tax,
            }
            n += 1
            for name, value in figures.items():
                gap = abs(value - wanted[name])
                widest = max(widest, gap)
                off[name] += gap > 10
    print(f"{n} rows; off by more than 10 dollars: {dict(off)}; widest gap {widest:.0f}")
    return 1 if sum(off.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
