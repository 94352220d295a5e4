"""Report the rows that stand twice, in one split or in two.

In: the prompt indexes of splits, and their files. Out: findings RFT232, RFT233 and RFT241. An index knows
only hashes and lines; the lines that are shown are read once more, to say what is the same and where.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rftctl.dataset.locate import locate
from rftctl.finding import Finding, Level, Place
from rftctl.strict_jsonl import numbered_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from rftctl.dataset.log import FindingLog
    from rftctl.dataset.near import NearPair
    from rftctl.dataset.prompts import PromptIndex


@dataclass(frozen=True, slots=True)
class Split:
    """A split that was read: its name, its file, its prompts."""

    name: str
    path: Path
    prompts: PromptIndex


def report_repeats(split: Split, log: FindingLog) -> None:
    """Report prompts that stand earlier in the same split."""
    shown, n_more = _first_pairs(split.prompts.repeats(), log.cap)
    lines = _Lines(split.path, {line for pair in shown for line in pair})
    for line, first in shown:
        if lines.content[line] == lines.content[first]:
            message, hint = f"the row is the same as line {first}", "delete one of the two"
        else:
            message = f"the prompt is the same as on line {first}, with other fields"
            hint = "decide which row is right, and keep that one"
        log.add(Finding("RFT232", Level.WARNING, lines.place(line), message, hint))
    log.count("RFT232", Level.WARNING, n_more)


def report_overlap(split: Split, other: Split, log: FindingLog) -> None:
    """Report prompts that stand in another split too."""
    # A test row that was trained on makes the verdict void; a validation row only flatters the curve.
    level = Level.ERROR if split.name == "test" and other.name == "training" else Level.WARNING
    shown, n_more = _first_pairs(split.prompts.shared(other.prompts), log.cap)
    lines = _Lines(split.path, {line for line, _ in shown})
    for line, elsewhere in shown:
        message = f"the prompt also stands in the {other.name} rows, on line {elsewhere}"
        hint = f"delete it from the {split.name} rows"
        log.add(Finding("RFT233", level, lines.place(line), message, hint))
    log.count("RFT233", level, n_more)


def report_near(
    split: Split, pairs: Iterable[NearPair], n_compared: int, n_rows: int, log: FindingLog
) -> None:
    """Report prompts that are nearly those of another row; never more than a note."""
    pairs = list(pairs)
    shown = pairs[: log.cap]
    lines = _Lines(split.path, {pair.line for pair in shown})
    bound = f"; the first {n_compared:,} rows were compared" if n_compared < n_rows else ""
    for pair in shown:
        where = f"line {pair.other_line}" + (f" of the {pair.other} rows" if pair.other else "")
        message = f"the prompt is nearly that of {where}: about {pair.alike:.0%} of its own words{bound}"
        hint = "fine for variants made on purpose; a copy with small changes adds little"
        if pair.other:
            hint = "a row that was nearly trained on flatters the result; split by what the rows are about"
        log.add(Finding("RFT241", Level.NOTE, lines.place(pair.line), message, hint))
    log.count("RFT241", Level.NOTE, len(pairs) - len(shown))


def _first_pairs(pairs: Iterator[tuple[int, int]], n: int) -> tuple[list[tuple[int, int]], int]:
    """Return the pairs of the first `n` lines, and how many more there are; holds no more than that."""
    n_pairs = 0

    def counted() -> Iterator[tuple[int, int]]:
        nonlocal n_pairs
        for pair in pairs:
            n_pairs += 1
            yield pair

    shown = heapq.nsmallest(n, counted())
    return shown, n_pairs - len(shown)


class _Lines:
    """What single lines of a file hold, and the column of their messages."""

    def __init__(self, path: Path, wanted: set[int]) -> None:
        self._path = path
        self._columns: dict[int, int] = {}
        self.content: dict[int, int] = {}
        if not wanted:
            return
        last = max(wanted)
        for line_number, line in numbered_lines(path):
            if line_number in wanted and isinstance(line, bytes):
                self._columns[line_number] = locate(line, ("messages",))
                self.content[line_number] = hash(line.strip())
            if line_number >= last:
                return

    def place(self, line_number: int) -> Place:
        return Place.of(self._path, line_number, self._columns.get(line_number))
