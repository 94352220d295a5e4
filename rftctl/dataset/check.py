"""Check a whole dataset in one pass, and splits against each other.

In: a JSON Lines file, what a provider takes, what the grader reads. Out: findings RFT2xx in a
`FindingLog`, and a `SplitReport`. Memory grows by 12 bytes a row, never with the rows themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rftctl.dataset.fields import FieldWatch
from rftctl.dataset.locate import locate
from rftctl.dataset.near import NEAR_ROWS, NearIndex
from rftctl.dataset.prompts import PromptIndex
from rftctl.dataset.repeats import Split, report_near, report_overlap, report_repeats
from rftctl.dataset.rows import ANY_PROVIDER, RowRules, check_row, plain_prompt
from rftctl.dataset.secrets import find_secrets, mask, may_hold_secret
from rftctl.dataset.shape import ShapeReader
from rftctl.dataset.tokens import TokenReport, TokenRules, TokenWatch
from rftctl.finding import Finding, Level, Place
from rftctl.strict_jsonl import numbered_lines, read_line
from rftctl.text import plural

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from rftctl.dataset.fault import Fault
    from rftctl.dataset.log import FindingLog
    from rftctl.template import TemplatePath

PROGRESS_EVERY = 10_000


@dataclass(frozen=True, slots=True)
class DataRules:
    """What a split is checked against.

    Attributes:
        rows: shape of a row at the provider.
        reads: variables of the grader's templates; those of `item` must be in every row.
        read_places: where in the spec those variables stand, by their text.
        fields: further row fields that the grader's code asks for.
        min_rows, max_rows, max_bytes: the provider's limits for this split, None where it has none.
        tokens: what the model reads.
        near_rows: how many rows are compared for near duplicates; 0 leaves that out.
        source: where the limits come from, for the findings.
    """

    rows: RowRules = ANY_PROVIDER
    reads: tuple[TemplatePath, ...] = ()
    fields: tuple[str, ...] = ()
    min_rows: int | None = None
    max_rows: int | None = None
    max_bytes: int | None = None
    source: str = ""
    tokens: TokenRules = field(default_factory=TokenRules)
    near_rows: int = NEAR_ROWS
    read_places: Mapping[str, Place] = field(default_factory=dict)


@dataclass(slots=True)
class SplitReport:
    """What one pass found.

    Attributes:
        n_rows: lines that hold a row, good or bad.
        n_bad_rows: rows with an error.
        prompts, near: what later splits are compared with.
        tokens: how long the prompts are.
    """

    path: Path
    split: str
    n_rows: int = 0
    n_bad_rows: int = 0
    prompts: PromptIndex = field(default_factory=PromptIndex, repr=False)
    near: NearIndex = field(default_factory=lambda: NearIndex({}), repr=False)
    tokens: TokenReport = field(default_factory=TokenReport)


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
    read, quick, thorough = checker.shape.read, checker.quick, checker.thorough
    for line_number, line in numbered_lines(path):
        if not isinstance(line, bytes):
            checker.refuse(line)
        elif (row := read(line)) is not None:
            quick(line_number, line, row)
        else:
            thorough(line_number, line)
        if line_number % PROGRESS_EVERY == 0:
            yield line_number
    checker.finish()
    return checker.report


class _SplitChecker:
    """The state of one pass.

    A row that has the shape of a row before it takes a quick way, which leaves out only what its shape
    already answers. Any other row is looked at thoroughly.
    """

    def __init__(
        self, path: Path, split: str, log: FindingLog, rules: DataRules, others: Mapping[str, SplitReport]
    ) -> None:
        near = NearIndex({name: other.near for name, other in others.items()}, rules.near_rows)
        self.report = SplitReport(path, split, near=near)
        self._path, self._log, self._rules, self._others = path, log, rules, others
        self._fields = FieldWatch(rules.reads, rules.fields)
        self.shape = ShapeReader(rules.rows, self._fields.required)
        self._tokens = TokenWatch(rules.tokens)
        self._add_key, self._add_line = self.report.prompts.add_key, self.report.prompts.add_line
        self._near = near
        self._is_curious = True
        self._long_from = self._n_quick = 0

    def refuse(self, finding: Finding) -> None:
        """Take a line that holds no row."""
        self._log.add(replace(finding, message=mask(finding.message)))
        if finding.level is Level.ERROR:
            self.report.n_rows += 1
            self.report.n_bad_rows += 1

    def quick(self, line_number: int, line: bytes, row: Any) -> None:
        """Take a line that has the shape of those before it, with its row as `ShapeReader` gives it."""
        key = hash(row.messages)
        self._add_key(key)
        self._add_line(line_number)
        self._n_quick += 1
        if len(line) > self._long_from:
            self._long(line_number, line)
        if may_hold_secret(line):
            self._secrets(line_number, line)
        if self._is_curious:
            self._look(line_number, line, key, row)

    def _look(self, line_number: int, line: bytes, key: int, row: Any) -> None:
        texts = [message.content for message in row.messages]
        if self._near.is_open:
            self._near.add(line_number, key, "\n".join(texts))
        looks_at_values = self._fields.looks_at_values or self.shape.has_optional
        if looks_at_values:
            self._n_quick -= 1
            self.report.n_rows += 1
            self._take(line_number, line, self._fields.see_again(self.shape.fields_of(row), texts))
        self._is_curious = self._near.is_open or looks_at_values

    def thorough(self, line_number: int, line: bytes) -> None:
        """Take any line."""
        row = read_line(self._path, line_number, line)
        if isinstance(row, Finding):
            self.refuse(row)
            return
        self.report.n_rows += 1
        if may_hold_secret(line):
            self._secrets(line_number, line)
        texts = plain_prompt(row, self._rules.rows)
        if texts is None and self._take(line_number, line, check_row(row, self._rules.rows)):
            return
        if texts is not None:
            key = self.shape.prompt_key(row["messages"])
        else:
            key = hash(repr((row["messages"], row.get("tools"))))
        self._add_key(key)
        self._add_line(line_number)
        if len(line) > self._long_from:
            self._long(line_number, line)
        if texts is not None and self._near.is_open:
            self._near.add(line_number, key, "\n".join(texts))
        self._see_fields(line_number, line, row, is_plain=texts is not None)

    def _see_fields(self, line_number: int, line: bytes, row: dict[str, Any], *, is_plain: bool) -> None:
        found, is_bad = self._fields.see(line_number, line, row)
        for at_line, column, fault in found:
            self._add(fault, at_line, column)
        self.report.n_bad_rows += is_bad
        if is_plain and not is_bad:
            self._count_quick()
            self.shape.learn(row)
            self._is_curious = True

    def _count_quick(self) -> None:
        if self._n_quick:
            self._fields.count_rows(self.shape.fields, self._n_quick)
            self.report.n_rows += self._n_quick
            self._n_quick = 0

    def _take(self, line_number: int, line: bytes, faults: list[Fault]) -> bool:
        """Report the faults of a row; tells whether one is an error."""
        for fault in faults:
            self._add(fault, line_number, locate(line, fault.path))
        is_bad = any(fault.level is Level.ERROR for fault in faults)
        self.report.n_bad_rows += is_bad
        return is_bad

    def _secrets(self, line_number: int, line: bytes) -> None:
        for column, fault in find_secrets(line):
            self._add(fault, line_number, column)

    def _long(self, line_number: int, line: bytes) -> None:
        self._take(line_number, line, list(self._tokens.see(line_number, line)))
        self._long_from = self._tokens.from_bytes

    def _place_in_spec(self, fault: Fault) -> Place | None:
        """Point at the template whose variable no row has, if that is the fault."""
        return self._rules.read_places.get(fault.message.split("'")[1]) if fault.code == "RFT235" else None

    def _add(self, fault: Fault, line: int | None, column: int | None, place: Place | None = None) -> None:
        place = place or Place.of(self._path, line, column)
        self._log.add(Finding(fault.code, fault.level, place, mask(fault.message), mask(fault.hint)))

    def finish(self) -> None:
        """Report what only the whole file shows."""
        self._count_quick()
        self._size()
        own = Split(self.report.split, self._path, self.report.prompts)
        report_repeats(own, self._log)
        for name, other in self._others.items():
            report_overlap(own, Split(name, other.path, other.prompts), self._log)
        report_near(own, self._near.finish(), self._near.n_seen, self.report.n_rows, self._log)
        for line, column, fault in self._fields.summary(self.report.split):
            self._add(fault, line, column, self._place_in_spec(fault) if line is None else None)
        self._log.count("RFT235", Level.ERROR, self._fields.n_not_kept)
        self.report.tokens = self._tokens.report()

    def _size(self) -> None:
        n_rows, rules, split = self.report.n_rows, self._rules, self.report.split
        place, source = Place.of(self._path), f" ({rules.source})" if rules.source else ""
        if n_rows == 0:
            message, hint = f"file '{place.path}' has no rows", "add one JSON object a line"
            self._log.add(Finding("RFT200", Level.ERROR, place, message, hint))
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
