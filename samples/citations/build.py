"""Build the rows of the citations sample: passages, and every case citation that stands in them.

In: reporters-db and courts-db (pinned in PACKAGES), the tables and passages beside this file, one seed.
Out: the full task (train, validation, test: passages of several sentences) and an easier one for a small
model (local-train, local-validation, local-test: one sentence). Truth is by construction: citations are
drawn first and the text is written around them.

    python -m venv build-env && build-env/bin/pip install -r samples/citations/requirements.txt
    build-env/bin/python samples/citations/build.py            # write the files
    build-env/bin/python samples/citations/build.py --check    # rebuild elsewhere and compare
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import passages
import sentences
from building import build_sample
from series import Citation, check_tables

SEED = 20261122
PACKAGES = {"reporters-db": "3.2.67", "courts-db": "0.10.27"}
SIZES = {"train": 360, "validation": 120, "test": 220}
LOCAL_SIZES = {"train": 320, "validation": 100, "test": 200}
QUICK_ROWS = 24
# Of the rows of tier 3, so that one passage in sixteen cites no case: an empty list must not be a good guess.
EMPTY_EVERY = 4

ASK = (
    "List every case citation of the passage as JSON: "
    '{"citations": [{"volume", "reporter", "page", "year", "court"}]}, all values text. '
    "Each place where a case is printed is a citation of its own, so a parallel citation is one too, with "
    "the same year and court; a citation given twice is listed once. `page` is the first page of the case, "
    "not a pin cite. `reporter` is the standard abbreviation (F. Supp. 2d). `court` is as abbreviated in the "
    "parentheses; where only a year stands there, it is the court whose reports these are (U.S., Cal., "
    "Cal. Ct. App., N.Y., T.C.). Leave out short forms (id., supra, a volume and reporter `at` a page), "
    "statutes, rules, regulations, journals, docket and database numbers, and the record. "
    "If there is none, the list is empty."
)

Row = dict[str, Any]


@dataclass
class Used:
    """What other splits may not use again: texts, and volumes of a reporter."""

    texts: set[str] = field(default_factory=set)
    volumes: dict[tuple[str, str], str] = field(
        default_factory=lambda: dict.fromkeys(sentences.EXAMPLE_VOLUMES, "examples")
    )

    def claim(self, text: str, cited: list[Citation], split: str) -> bool:
        """Reserve a text and the volumes that it cites; False when one of them is taken."""
        keys = {(citation.reporter, citation.volume) for citation in cited}
        if text in self.texts or any(self.volumes.get(key, split) != split for key in keys):
            return False
        self.texts.add(text)
        self.volumes.update(dict.fromkeys(keys, split))
        return True


def build() -> dict[str, list[Row]]:
    """Draw both tasks; no volume of a reporter stands in two splits."""
    check_tables()
    used = Used()
    files = {f"local-{split}": local_rows(split, n, used) for split, n in LOCAL_SIZES.items()}
    files |= {split: full_rows(split, n, used) for split, n in SIZES.items()}
    for stem in ("validation", "local-validation"):
        files[f"{stem}-quick"] = files[stem][:QUICK_ROWS]
    return files


def local_rows(split: str, n_rows: int, used: Used) -> list[Row]:
    """Draw a split of the easier task."""
    rng = random.Random(f"{SEED}-local-{split}")
    rows: list[Row] = []
    while len(rows) < n_rows:
        text, cited, tier = sentences.draw(rng, split)
        if used.claim(text, cited, split):
            wanted = [citation.plain for citation in cited]
            rows.append({"messages": sentences.messages_of(text), "citations": wanted, "tier": tier})
    return rows


def full_rows(split: str, n_rows: int, used: Used) -> list[Row]:
    """Draw a split of the full task, its tiers in turn."""
    rng = random.Random(f"{SEED}-full-{split}")
    rows: list[Row] = []
    while len(rows) < n_rows:
        tier = 1 + len(rows) % len(passages.WRITERS)
        is_empty = tier == 3 and len(rows) // len(passages.WRITERS) % EMPTY_EVERY == 0
        text, cited = passages.draw(rng, split, tier, is_empty=is_empty)
        if not used.claim(text, cited, split):
            continue
        messages = [{"role": "user", "content": f"{ASK}\n\n{text}"}]
        wanted = [parts_of(one) for one in cited]
        cites = "some cases" if cited else "no case"
        rows.append({"messages": messages, "citations": wanted, "cites": cites, "tier": tier})
    rng.shuffle(rows)
    return rows


def parts_of(citation: Citation) -> dict[str, str]:
    """Lay out a citation's five parts."""
    return {name: getattr(citation, name) for name in ("volume", "reporter", "page", "year", "court")}


if __name__ == "__main__":
    sys.exit(build_sample(__file__, build, seed=SEED, packages=PACKAGES))
