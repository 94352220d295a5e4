"""Watch the reference fields of a dataset's rows.

In: rows one by one, and what the grader reads. Out: what the grader would miss in a row, and at the
end what the fields do as a whole: constant, absent from some rows, standing in the prompt.
"""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rftctl.dataset.rows import Fault
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
_MAX_SHAPES = 1_000
_COPY_SHARE = 0.95
_PYTHON_HINT = "the grader's code raises a KeyError there; add the field, or use item.get"


@dataclass(slots=True)
class _Shape:
    """What follows from a row's top-level keys alone, and how many rows have them."""

    fields: tuple[str, ...]
    missing: tuple[Fault, ...]
    n_rows: int = 0


class FieldWatch:
    """Follows the fields of one split.

    Args:
        reads: variables of templates; those of `item` must be in every row.
        fields: fields that code asks for; a missing one is a warning, since the code may not get there.
    """

    def __init__(self, reads: Sequence[TemplatePath], fields: Sequence[str]) -> None:
        paths = {path.text: path for path in reads if path.namespace == "item"}.values()
        self._flat = tuple(path for path in paths if len(path.segments) == 1)
        self._deep = tuple(path for path in paths if len(path.segments) > 1)
        self._fields = tuple(fields)
        self._shapes: dict[tuple[str, ...], _Shape] = {}
        self._present: Counter[str] = Counter()
        self._constant: dict[str, Any] = {}
        self._in_prompt: Counter[str] = Counter()
        self._n_rows = 0

    def see(self, row: dict[str, Any]) -> Sequence[Fault]:
        """Take a row; returns what the grader would miss in it."""
        self._n_rows += 1
        keys = tuple(row)
        shape = self._shapes.get(keys) or self._new_shape(keys, row)
        shape.n_rows += 1
        if self._n_rows <= COPY_ROWS:
            self._count_copies(shape.fields, row, row["messages"])
        if self._constant:
            self._compare(row)
        return [*shape.missing, *self._missing_deep(row)] if self._deep else shape.missing

    def summary(self) -> Iterator[Fault]:
        """Yield what only all rows together show."""
        if self._n_rows < _MIN_ROWS:
            return
        yield from self._uneven()
        for name, value in self._constant.items():
            message = (
                f"item.{one_line(name)} is {_shown(value)} in every one of {plural(self._n_rows, 'row')}"
            )
            yield Fault("RFT236", message, "a constant teaches nothing; check how it was made", Level.WARNING)
        for name, count in self._in_prompt.items():
            yield self._copied(name, count)

    def _new_shape(self, keys: tuple[str, ...], row: dict[str, Any]) -> _Shape:
        fields = tuple(key for key in keys if key not in RESERVED)
        absent = [path for path in self._flat if path.segments[0] not in row]
        missing = [_missing(str(path.segments[0]), path.text, fields) for path in absent]
        for name in self._fields:
            if name not in row:
                message = f"the row has no '{name}', which the grader's code reads"
                missing.append(Fault("RFT239", message, _PYTHON_HINT, Level.WARNING))
        if not self._shapes:
            self._constant = {name: row[name] for name in fields}
        shape = _Shape(fields, tuple(missing))
        if len(self._shapes) < _MAX_SHAPES:
            self._shapes[keys] = shape
        else:
            self._present.update(fields)
        return shape

    def _missing_deep(self, row: dict[str, Any]) -> Iterator[Fault]:
        for path in self._deep:
            try:
                path.resolve(row)
            except TemplateError as error:
                hint = "every row needs what the grader reads; add it, or correct the template"
                yield Fault("RFT235", f"'{path.text}' is not in the row: {one_line(error.reason)}", hint)

    def _count_copies(
        self, fields: tuple[str, ...], row: dict[str, Any], messages: list[dict[str, Any]]
    ) -> None:
        for name in fields:
            value = row[name]
            if type(value) is not str or len(value) < MIN_ANSWER_LENGTH:
                continue
            for message in messages:
                content = message.get("content")
                if type(content) is str and value in content:
                    self._in_prompt[name] += 1
                    break

    def _compare(self, row: dict[str, Any]) -> None:
        varied = [name for name, value in self._constant.items() if row.get(name) != value]
        for name in varied:
            del self._constant[name]

    def _uneven(self) -> Iterator[Fault]:
        counts = self._present
        for shape in self._shapes.values():
            for name in shape.fields:
                counts[name] += shape.n_rows
        read = {path.segments[0] for path in self._flat}
        for name, count in counts.items():
            if count < self._n_rows and name not in read:
                message = f"item.{one_line(name)} is in {count:,} of {plural(self._n_rows, 'row')}"
                hint = "a misspelt key looks like this; give every row the same fields"
                yield Fault("RFT237", message, hint, Level.WARNING)

    def _copied(self, name: str, count: int) -> Fault:
        n_rows = min(self._n_rows, COPY_ROWS)
        message = f"item.{one_line(name)} stands in the prompt of {count:,} of {plural(n_rows, 'row')}"
        if count >= _COPY_SHARE * n_rows:
            return Fault(
                "RFT234", message, "right where the answer is copied or chosen from the prompt", Level.NOTE
            )
        hint = "where the answer must be found and not copied, the prompt gives it away"
        return Fault("RFT234", message, hint, Level.WARNING)


def _missing(name: str, text: str, fields: Sequence[str]) -> Fault:
    near = difflib.get_close_matches(name, fields, n=1)
    hint = (
        f"did you mean '{one_line(near[0])}'?"
        if near
        else f"the row has: {one_line(', '.join(fields)) or 'nothing'}"
    )
    return Fault("RFT235", f"'{text}' is not in the row, and the grader reads it", hint)


def _shown(value: Any) -> str:
    return f"'{one_line(value, limit=40)}'" if isinstance(value, str) else one_line(repr(value), limit=40)
