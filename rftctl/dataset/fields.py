"""Watch the reference fields of a dataset's rows.

In: rows one by one, and what the grader reads. Out: what the grader would miss in a row, and at the end
what the fields do as a whole: constant, empty or absent in some rows, unbalanced, standing in the prompt.
"""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from rftctl.dataset.balance import ClassWatch
from rftctl.dataset.fault import Fault
from rftctl.dataset.locate import locate
from rftctl.finding import Level
from rftctl.template import TemplateError
from rftctl.text import one_line, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rftctl.template import TemplatePath

RESERVED = frozenset({"messages", "tools"})
MIN_ANSWER_LENGTH = 4
COPY_ROWS = 5_000
"""Rows in which answers are looked for in the prompt: a search through every prompt is slow."""
_MIN_ROWS = 10
_MIN_ROWS_TO_JUDGE_A_PATH = 3
_MAX_HELD = 20
_MAX_SHAPES = 1_000
_MAX_LISTED = 5
_COPY_SHARE = 0.95
_PYTHON_HINT = "the grader's code raises a KeyError there; add the field, or use item.get"
Located: TypeAlias = tuple[int | None, int | None, Fault]
"""Line, column and what is wrong there; without a line it is about the whole file."""
_MISSING_HINT = "every row needs what the grader reads; add it, or correct the template"


@dataclass(slots=True)
class _Shape:
    """What follows from a row's top-level keys alone, and how many rows have them."""

    fields: tuple[str, ...]
    absent: tuple[TemplatePath, ...]
    warnings: tuple[Fault, ...]
    n_rows: int = 0


@dataclass(slots=True)
class _Held:
    """Rows without a path that no row has had so far; perhaps the template is what is wrong."""

    n_rows: int = 0
    first: list[Located] = field(default_factory=list)


class FieldWatch:
    """Follows the fields of one split.

    Args:
        reads: variables of templates; those of `item` must be in every row.
        fields: fields that code asks for; a missing one is a warning, since the code may not get there.

    Attributes:
        n_not_kept: findings RFT235 that were held back, and then were too many to keep.
    """

    def __init__(self, reads: Sequence[TemplatePath], fields: Sequence[str]) -> None:
        paths = {path.text: path for path in reads if path.namespace == "item"}.values()
        self._flat = tuple(path for path in paths if len(path.segments) == 1)
        self._deep = tuple(path for path in paths if len(path.segments) > 1)
        self._fields = tuple(fields)
        self._shapes: dict[tuple[str, ...], _Shape] = {}
        self._present: Counter[str] = Counter()
        self._constant: dict[str, Any] = {}
        self._first_fields: tuple[str, ...] = ()
        self._in_prompt: Counter[str] = Counter()
        self._held: dict[str, _Held] = {path.text: _Held() for path in self._flat}
        self._classes = ClassWatch(tuple(paths), self._fields)
        self._n_rows = 0
        self.n_not_kept = 0

    @property
    def required(self) -> frozenset[str]:
        """The fields without which a row has a fault."""
        return frozenset(str(path.segments[0]) for path in (*self._flat, *self._deep)) | set(self._fields)

    @property
    def looks_at_values(self) -> bool:
        """Whether `see_again` still needs the fields of a row."""
        return bool(self._n_rows < COPY_ROWS or self._constant or self._deep or self._classes.is_open)

    def see(self, line_number: int, line: bytes, row: dict[str, Any]) -> tuple[list[Located], bool]:
        """Take a row; returns what to report now, and whether the row lacks what the grader reads."""
        shape = self._see_keys(row)
        if self._n_rows <= COPY_ROWS:
            self._count_copies(shape.fields, row, _texts(row["messages"]))
        faults = [*shape.warnings, *self._see_values(row)]
        found: list[Located] = [(line_number, locate(line, fault.path), fault) for fault in faults]
        for path in shape.absent:
            found += self._miss(path, shape, line_number, line)
        return found, bool(shape.absent) or any(fault.level is Level.ERROR for fault in faults)

    def see_again(self, row: dict[str, Any], texts: list[str]) -> list[Fault]:
        """Take the fields and the prompt of a row that has all that are read; returns what is wrong there."""
        shape = self._see_keys(row)
        if self._n_rows <= COPY_ROWS:
            self._count_copies(shape.fields, row, texts)
        return self._see_values(row)

    def count_rows(self, fields: Sequence[str], n_rows: int) -> None:
        """Take rows that have these fields and need no look at their values."""
        keys = tuple(fields)
        shape = self._shapes.get(keys) or self._new_shape(keys, dict.fromkeys(keys))
        shape.n_rows += n_rows
        self._n_rows += n_rows

    def summary(self, split: str) -> Iterator[Located]:
        """Yield what only all rows together show; without line and column, or for the rows held back.

        Constant fields are told of the training rows alone: what is so by design is so in every split.
        """
        for text, held in self._held.items():
            if held.n_rows and self._n_rows >= _MIN_ROWS_TO_JUDGE_A_PATH:
                yield None, None, self._never(text, held, split)
            else:
                yield from held.first
        if self._n_rows < _MIN_ROWS:
            return
        constants = self._constants() if split == "training" else ()
        for fault in (*self._uneven(), *constants, *self._classes.summary()):
            yield None, None, fault
        for name, count in self._in_prompt.items():
            yield None, None, self._copied(name, count)

    def _see_keys(self, row: dict[str, Any]) -> _Shape:
        self._n_rows += 1
        keys = tuple(row)
        shape = self._shapes.get(keys) or self._new_shape(keys, row)
        shape.n_rows += 1
        if self._constant:
            self._compare(row)
        return shape

    def _see_values(self, row: dict[str, Any]) -> list[Fault]:
        faults = list(self._missing_deep(row)) if self._deep else []
        return faults + self._classes.see(row) if self._classes.is_open else faults

    def _new_shape(self, keys: tuple[str, ...], row: dict[str, Any]) -> _Shape:
        fields = tuple(key for key in keys if key not in RESERVED)
        absent = tuple(path for path in self._flat if path.segments[0] not in row)
        warnings = [_code_misses(name) for name in self._fields if name not in row]
        if not self._shapes:
            self._constant = {name: row[name] for name in fields}
            self._first_fields = fields
        shape = _Shape(fields, absent, tuple(warnings))
        if len(self._shapes) < _MAX_SHAPES:
            self._shapes[keys] = shape
        else:
            self._present.update(fields)
        return shape

    def _miss(self, path: TemplatePath, shape: _Shape, line_number: int, line: bytes) -> list[Located]:
        fault = _missing(str(path.segments[0]), path.text, shape.fields)
        found: Located = (line_number, locate(line, ()), fault)
        if any(path not in other.absent for other in self._shapes.values()):
            return [*self._release(path.text), found]
        held = self._held[path.text]
        held.n_rows += 1
        if len(held.first) < _MAX_HELD:
            held.first.append(found)
        return []

    def _release(self, text: str) -> list[Located]:
        held = self._held.pop(text, _Held())
        self.n_not_kept += held.n_rows - len(held.first)
        return held.first

    def _never(self, text: str, held: _Held, split: str) -> Fault:
        hint = held.first[0][2].hint
        message = f"'{text}' is in none of {plural(self._n_rows, f'{split} row')}, and the grader reads it"
        return Fault("RFT235", message, hint)

    def _missing_deep(self, row: dict[str, Any]) -> Iterator[Fault]:
        for path in self._deep:
            try:
                path.resolve(row)
            except TemplateError as error:
                message = f"'{path.text}' is not in the row: {one_line(error.reason)}"
                yield Fault("RFT235", message, _MISSING_HINT, path=path.segments)

    def _count_copies(self, fields: tuple[str, ...], row: dict[str, Any], texts: list[str]) -> None:
        for name in fields:
            value = row[name]
            if type(value) is str and len(value) >= MIN_ANSWER_LENGTH:
                for text in texts:
                    if value in text:
                        self._in_prompt[name] += 1
                        break

    def _compare(self, row: dict[str, Any]) -> None:
        varied = [name for name, value in self._constant.items() if row.get(name) != value]
        for name in varied:
            del self._constant[name]

    def _constants(self) -> Iterator[Fault]:
        """Name the fields that never vary: settings beside an answer that does, or nothing to learn from."""
        of_interest = [name for name in self._first_fields if not self.required or name in self.required]
        names = [name for name in of_interest if name in self._constant]
        if not names:
            return
        rows = plural(self._n_rows, "row")
        if len(names) < len(of_interest):
            message = f"{_listed(names)} {_is_are(names)} the same in all {rows}"
            hint = "right for settings; a reference that never varies teaches nothing"
            yield Fault("RFT236", message, hint, Level.NOTE)
            return
        shown = ", ".join(
            f"item.{one_line(name)} is {_shown(self._constant[name])}" for name in names[:_MAX_LISTED]
        )
        what = "all that the grader reads" if self.required else "every field"
        message = f"{what} is the same in all {rows}: {shown}"
        yield Fault(
            "RFT236", message, "one answer for all teaches nothing; check how it was made", Level.WARNING
        )

    def _uneven(self) -> Iterator[Fault]:
        counts = self._present
        for shape in self._shapes.values():
            for name in shape.fields:
                counts[name] += shape.n_rows
        read = {path.segments[0] for path in self._flat}
        n_seen = sum(shape.n_rows for shape in self._shapes.values())
        for name, count in counts.items():
            if count < n_seen and name not in read:
                message = f"item.{one_line(name)} is in {count:,} of {plural(n_seen, 'row')}"
                hint = "a misspelt key looks like this; give every row the same fields"
                yield Fault("RFT237", message, hint, Level.WARNING)

    def _copied(self, name: str, count: int) -> Fault:
        n_rows = min(self._n_rows, COPY_ROWS)
        message = f"item.{one_line(name)} stands in the prompt of {count:,} of {plural(n_rows, 'row')}"
        if count >= _COPY_SHARE * n_rows:
            hint = "right where the answer is copied or chosen from the prompt"
            return Fault("RFT234", message, hint, Level.NOTE)
        hint = "where the answer must be found and not copied, the prompt gives it away"
        return Fault("RFT234", message, hint, Level.WARNING)


def _texts(messages: list[dict[str, Any]]) -> list[str]:
    return [content for message in messages if type(content := message.get("content")) is str]


def _code_misses(name: str) -> Fault:
    message = f"the row has no '{one_line(name)}', which the grader's code reads"
    return Fault("RFT239", message, _PYTHON_HINT, Level.WARNING)


def _missing(name: str, text: str, fields: Sequence[str]) -> Fault:
    near = difflib.get_close_matches(name, fields, n=1)
    has = f"the row has: {one_line(', '.join(fields)) or 'nothing'}"
    hint = f"did you mean '{one_line(near[0])}'?" if near else has
    return Fault("RFT235", f"'{text}' is not in the row, and the grader reads it", hint)


def _listed(names: list[str]) -> str:
    named = [f"item.{one_line(name)}" for name in names[:_MAX_LISTED]]
    if len(names) > _MAX_LISTED:
        named.append(f"{len(names) - _MAX_LISTED} more")
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def _is_are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _shown(value: Any) -> str:
    return f"'{one_line(value, limit=40)}'" if isinstance(value, str) else one_line(repr(value), limit=40)
