"""The two tools over corpus.jsonl: what built the rows' result lists, and lets you replay them.

In: a query and a kind, or an id. Out: up to six titles, or one text. Deterministic, standard library only.
`python search.py search "Cal. App. 2d" series` and `python search.py open d017` print what a row would show.
"""

from __future__ import annotations

import json
import math
import re
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LIMIT = 6
TITLE_WEIGHT = 2
STOP_WORDS = frozenset(
    ("an", "and", "as", "cited", "for", "in", "is", "its", "of", "on", "the", "to", "was", "which")
)


def words(text: str) -> list[str]:
    """Split into lower-case words of letters and digits, without stop words: `F.2d` gives f, 2d."""
    return [word for word in re.findall(r"[a-z0-9]+", text.lower()) if word not in STOP_WORDS]


class Archive:
    """Records by id, searched by weighted word overlap."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self.rows = {row["id"]: row for row in rows}
        self._titles = {key: set(words(row["title"])) for key, row in self.rows.items()}
        self._texts = {key: set(words(row["text"])) for key, row in self.rows.items()}

    def search(self, query: str, kind: str) -> str:
        """List the best records of a kind, one `id | title` a line, in the order of their ids."""
        asked = set(words(query))
        rarity = {word: self.rarity(word) for word in asked}
        scored = []
        for key, row in self.rows.items():
            shared = asked & self._texts[key]
            score = sum(rarity[w] * (TITLE_WEIGHT if w in self._titles[key] else 1) for w in sorted(shared))
            # Of equals the shorter title comes first, then a fixed lot decides.
            lot = zlib.crc32(f"{key} {query}".encode())
            if row["kind"] == kind and shared:
                scored.append((-round(score, 9), len(self._titles[key]), lot, key))
        best = sorted(key for *_, key in sorted(scored)[:LIMIT])
        return "\n".join(f"{key} | {self.rows[key]['title']}" for key in best) or "no record"

    def open(self, key: str) -> str:
        """Return a record's text."""
        return str(self.rows[key]["text"]) if key in self.rows else "no such record"

    def rarity(self, word: str) -> float:
        """Weigh a word: the fewer records hold it, the more it says."""
        holding = sum(word in held for held in self._texts.values())
        return math.log(1 + len(self.rows) / (1 + holding))

    def telling_word(self, said: set[str], key: str) -> str:
        """Return the word that tells a record from the ones most like it, of the words it was named by."""
        others = [k for k, row in self.rows.items() if k != key and row["kind"] == self.rows[key]["kind"]]
        likeness = {k: len(said & self._texts[k]) / (len(said) + len(self._titles[k])) for k in others}
        most = max(likeness.values())
        nearest = [k for k in others if likeness[k] == most]
        return max(
            sorted(said),
            key=lambda word: (sum(word not in self._texts[k] for k in nearest), self.rarity(word)),
        )


def main() -> int:
    """Run one call from the command line."""
    corpus = Path(__file__).resolve().parent / "corpus.jsonl"
    archive = Archive(json.loads(line) for line in corpus.read_text("utf-8").splitlines())
    tool, *arguments = sys.argv[1:]
    print({"search": archive.search, "open": archive.open}[tool](*arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
