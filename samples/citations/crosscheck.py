"""Compare the rows' citations with eyecite, a citation extractor that had no part in them.

In: eyecite in an environment of its own, see README.md. Out: for how many rows it finds the same volumes,
reporters and first pages. Years, courts and parties are not compared: eyecite 2.7.8 gives those of a
neighbor where citations stand close together. Numbers of a database (WL), which it reads as citations and
the task leaves out, are passed over.
Run: python samples/citations/crosscheck.py
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

FILES = [f"{kind}{split}.jsonl" for kind in ("", "local-") for split in ("train", "validation", "test")]


def main() -> int:
    """Check every row of both tasks; exit 1 when one differs."""
    # It warns of every citation inside a clause of another.
    logging.disable(logging.WARNING)
    n_differing = 0
    for name in FILES:
        rows = [json.loads(line) for line in (Path(__file__).parent / name).read_text("utf-8").splitlines()]
        compared = [(n, missed(row)) for n, row in enumerate(rows, 1)]
        differing = [(n, sets) for n, sets in compared if any(sets)]
        for line, (lacking, further) in differing:
            print(f"{name}:{line}: eyecite lacks {sorted(lacking)}, and has {sorted(further)}")
        print(f"{name}: {len(rows)} rows, {len(differing)} differ")
        n_differing += len(differing)
    return 1 if n_differing else 0


def missed(row: dict[str, Any]) -> tuple[set[str], set[str]]:
    """Return what the row has and eyecite has not, and the other way round."""
    wanted = {one if isinstance(one, str) else plain(one) for one in row["citations"]}
    found = found_in(row["messages"][-1]["content"].split("\n\n", 1)[-1])
    return wanted - found, found - wanted


def plain(parts: dict[str, str]) -> str:
    """Write volume, reporter and page as eyecite does."""
    return f"{parts['volume']} {parts['reporter']} {parts['page']}"


def found_in(text: str) -> set[str]:
    """Extract the full citations of cases in a reporter, its name in standard form."""
    from eyecite import get_citations
    from eyecite.models import FullCaseCitation

    flat = " ".join(text.split())
    full = [cite for cite in get_citations(flat) if isinstance(cite, FullCaseCitation)]
    # `135 T.C. at 23` is a short form, though reporters-db has "T.C. at" as a spelling of the reporter.
    kept = [
        cite
        for cite in full
        if cite.groups["reporter"] != "WL" and not cite.groups["reporter"].endswith(" at")
    ]
    return {cite.corrected_citation() for cite in kept}


if __name__ == "__main__":
    sys.exit(main())
