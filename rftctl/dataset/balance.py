"""Count the classes of the fields that a grader reads.

In: rows one by one. Out: rows whose reference is empty, and at the end the fields in which one label
dominates: always giving that label earns most of the reward.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rftctl.dataset.fault import Fault
from rftctl.finding import Level
from rftctl.template import TemplateError
from rftctl.text import one_line, plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rftctl.template import TemplatePath

CLASS_ROWS = 20_000
"""Rows whose classes are counted: enough to know a share within one percent."""
_MIN_ROWS = 20
_MAX_CLASSES = 50
_DOMINATES = 0.8
_SHOWN = 3


class ClassWatch:
    """Follows the values of some fields.

    Args:
        paths: variables of templates.
        fields: fields that the grader's code reads.
    """

    def __init__(self, paths: tuple[TemplatePath, ...], fields: tuple[str, ...]) -> None:
        self._flat = {str(path.segments[0]) for path in paths if len(path.segments) == 1} | set(fields)
        self._flat -= {"messages", "tools"}
        self._deep = tuple(path for path in paths if len(path.segments) > 1)
        names = [*(f"item.{name}" for name in sorted(self._flat)), *(path.text for path in self._deep)]
        self._counts: dict[str, Counter[Any]] = {text: Counter() for text in names}
        self._n_rows = 0

    @property
    def is_open(self) -> bool:
        """Whether the classes of further rows are of interest."""
        return bool(self._counts) and self._n_rows < CLASS_ROWS

    def see(self, row: dict[str, Any]) -> list[Fault]:
        """Take a row; returns the fields that are there but empty."""
        self._n_rows += 1
        faults: list[Fault] = []
        for name in self._flat:
            value = row.get(name, self)
            if value is None or value == "" or value == []:
                faults.append(_empty(f"item.{name}", value, (name,)))
            elif self._counts:
                self._count(f"item.{name}", value)
        for path in self._deep:
            faults += self._see_deep(path, row)
        return faults

    def summary(self) -> Iterator[Fault]:
        """Yield the fields in which one label dominates."""
        for text, counts in self._counts.items():
            n_rows = counts.total()
            shares = counts.most_common(_SHOWN + 1)
            if n_rows < _MIN_ROWS or len(shares) < 2 or shares[0][1] < _DOMINATES * n_rows:
                continue
            others = ", ".join(f"{_shown(value)} {n / n_rows:.1%}" for value, n in shares[1:_SHOWN])
            more = f", {len(counts) - _SHOWN} more" if len(counts) > _SHOWN else ""
            message = (
                f"{text} is {_shown(shares[0][0])} in {shares[0][1] / n_rows:.1%} of "
                f"{plural(n_rows, 'row')} ({others}{more})"
            )
            hint = "always answering so earns as much; balance the rows, or judge by the gain over it"
            yield Fault("RFT244", message, hint, Level.WARNING)

    def _see_deep(self, path: TemplatePath, row: dict[str, Any]) -> Iterator[Fault]:
        try:
            value = path.resolve(row)
        except TemplateError:
            return
        if value is None or value == "" or value == []:
            yield _empty(path.text, value, path.segments)
        else:
            self._count(path.text, value)

    def _count(self, text: str, value: Any) -> None:
        counts = self._counts.get(text)
        if counts is None or self._n_rows > CLASS_ROWS or not isinstance(value, str | bool | int):
            return
        counts[value] += 1
        if len(counts) > _MAX_CLASSES:
            del self._counts[text]


def _empty(text: str, value: Any, path: tuple[str | int, ...]) -> Fault:
    what = "null" if value is None else "empty"
    message = f"'{one_line(text)}' is {what}, and the grader compares with it"
    return Fault("RFT246", message, "give the row its reference, or leave it out", Level.WARNING, path)


def _shown(value: Any) -> str:
    return f"'{one_line(value, limit=30)}'" if isinstance(value, str) else str(value).lower()
