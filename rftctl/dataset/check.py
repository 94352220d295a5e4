"""Check a whole dataset in one pass, and splits against each other.

In: a JSON Lines file, what a provider takes, what the grader reads. Out: findings RFT2xx in a
`FindingLog`, and a `SplitReport`. Memory grows by one number a row, never with the rows themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rftctl.dataset.fields import FieldWatch
from rftctl.dataset.rows import ANY_PROVIDER, Fault, RowRules, check_row, plain_prompt
from rftctl.finding import Finding, Level, Place
from rftctl.strict_jsonl import scan_json_lines
from rftctl.text import plural

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from pathlib import Path

    from rftctl.dataset.log import FindingLog
    from rftctl.template import TemplatePath

PROGRESS_EVERY = 10_000


@dataclass(frozen=True, slots=True)
class DataRules:
    """What a split is checked against.

    Attributes:
        rows: shape of a row at the provider.
        reads: variables of the grader's templates; those of `item` must be in every row.
        fields: further row fields that the grader's code asks for.
        min_rows, max_rows, max_bytes: the provider's limits for this split, None where it has none.
        source: where the limits come from, for the findings.
    """

    rows: RowRules = ANY_PROVIDER
    reads: tuple[TemplatePath, ...] = ()
    fields: tuple[str, ...] = ()
    min_rows: int | None = None
    max_rows: int | None = None
    max_bytes: int | None = None
    source: str = ""


@dataclass(slots=True)
class SplitReport:
    """What one pass found.

    Attributes:
        n_rows: lines that hold a row, good or bad.
        n_bad_rows: rows with an error.
        prompts: hash of a prompt -> line where it first stands.
    """

    path: Path
    split: str
    n_rows: int = 0
    n_bad_rows: int = 0
    prompts: dict[int, int] = field(default_factory=dict, repr=False)


def check_dataset(
    path: Path,
    *,
    split: str,
    log: FindingLog,
    rules: DataRules = DataRules(),
    others: Mapping[str, SplitReport] = {},
) -> Generator[int, None, SplitReport]:
    """Check one split; yields the number of rows done now and then.

    Args:
        split: training, validation or test.
        log: takes the findings.
        others: splits read before, which must not share prompts with this one.

    Raises:
        InvalidInputError: the file cannot be read at all.
    """
    checker = _SplitChecker(path, split, log, rules, others)
    for line_number, row in scan_json_lines(path):
        if isinstance(row, dict):
            checker.row(line_number, row)
        else:
            checker.refused_line(line_number, row)
        if line_number % PROGRESS_EVERY == 0:
            yield line_number
    checker.finish()
    return checker.report


class _SplitChecker:
    """The state of one pass."""

    def __init__(
        self, path: Path, split: str, log: FindingLog, rules: DataRules, others: Mapping[str, SplitReport]
    ) -> None:
        self.report = SplitReport(path, split)
        self._log, self._rules = log, rules
        self._others = {name: other.prompts for name, other in others.items()}
        self._fields = FieldWatch(rules.reads, rules.fields)
        self._path = path

    def refused_line(self, line_number: int, finding: Finding) -> None:
        self._log.add(finding)
        if finding.level is Level.ERROR:
            self.report.n_rows += 1
            self.report.n_bad_rows += 1

    def row(self, line_number: int, row: dict[str, Any]) -> None:
        self.report.n_rows += 1
        prompt = plain_prompt(row, self._rules.rows)
        if prompt is None and self._is_refused(line_number, check_row(row, self._rules.rows)):
            return
        self._prompt(line_number, hash(prompt or repr(row["messages"])))
        missing = self._fields.see(row)
        if missing:
            self._is_refused(line_number, missing)

    def _is_refused(self, line_number: int, faults: Sequence[Fault]) -> bool:
        for fault in faults:
            self._add(fault.code, line_number, fault.message, fault.hint, fault.level)
        is_bad = any(fault.level is Level.ERROR for fault in faults)
        self.report.n_bad_rows += is_bad
        return is_bad

    def _prompt(self, line_number: int, key: int) -> None:
        first = self.report.prompts.setdefault(key, line_number)
        if first != line_number:
            message = f"the prompt is the same as on line {first}"
            self._add("RFT232", line_number, message, "keep one of the two rows", Level.WARNING)
        for name, prompts in self._others.items():
            if key in prompts:
                self._overlap(line_number, name, prompts[key])

    def _overlap(self, line_number: int, other: str, line: int) -> None:
        # A test row that was trained on makes the verdict void; a validation row only flatters the curve.
        level = Level.ERROR if self.report.split == "test" and other == "training" else Level.WARNING
        message = f"the prompt also stands in the {other} rows, on line {line}"
        self._add("RFT233", line_number, message, f"delete it from the {self.report.split} rows", level)

    def finish(self) -> None:
        """Report what only the whole file shows."""
        self._size()
        for fault in self._fields.summary():
            self._log.add(Finding(fault.code, fault.level, Place.of(self._path), fault.message, fault.hint))

    def _size(self) -> None:
        n_rows, rules, split = self.report.n_rows, self._rules, self.report.split
        place, source = Place.of(self._path), f" ({rules.source})" if rules.source else ""
        if n_rows == 0:
            finding = Finding(
                "RFT200", Level.ERROR, place, f"file '{place.path}' has no rows", "add one JSON object a line"
            )
            self._log.add(finding)
        elif rules.max_rows is not None and n_rows > rules.max_rows:
            message = f"{plural(n_rows, f'{split} row')}; the provider takes {rules.max_rows:,}{source}"
            self._log.add(Finding("RFT230", Level.ERROR, place, message, "take rows out"))
        elif rules.min_rows is not None and n_rows < rules.min_rows:
            message = f"{plural(n_rows, f'{split} row')}; the provider wants {rules.min_rows:,}{source}"
            self._log.add(Finding("RFT231", Level.ERROR, place, message, "add rows"))
        size = self._path.stat().st_size
        if rules.max_bytes is not None and size > rules.max_bytes:
            message = f"the file has {size:,} bytes; the provider takes {rules.max_bytes:,}{source}"
            self._log.add(Finding("RFT238", Level.ERROR, place, message, "make the rows shorter or fewer"))

    def _add(self, code: str, line_number: int, message: str, hint: str, level: Level = Level.ERROR) -> None:
        self._log.add(Finding(code, level, Place.of(self._path, line_number), message, hint))
