"""Cases: model outputs with the reward each must get.

In: JSON Lines, one case a line:
`{"item": {...} or "line": 12, "sample": "text" or {...}, "expect": {...}}`. `item` is a dataset row,
`line` the number of one in the training file; `sample` the output's text, or an object with
output_text, output_json, output_tools and finish_reason. `expect` may be left out, or is
`{"reward": 0.5}`, `{"min": 0.2, "max": 0.6}` or `{"error": "sample_parse_error"}`. `judge` is the
result that model graders are to take as their judge's, `0.8` or by grader name `{"politeness": 0.8}`;
a grader can be tried without a judge then.
Out: `Case` objects, or findings RFT38x with the line.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rftctl.dataset import ABSENT, Sample, parse_output
from rftctl.errors import InvalidInputError
from rftctl.finding import Finding, Level, Place
from rftctl.graders.base import ERROR_FLAGS
from rftctl.graders.checks import kind, suggestion
from rftctl.strict_jsonl import read_json_lines
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rftctl.graders.base import Grade

TOLERANCE = 1e-6
"""How far a reward may be from the one expected."""

_KEYS = ("item", "line", "sample", "expect", "judge")
_EXAMPLE = '{"line": 1, "sample": "the output", "expect": {"reward": 1}}'
_SAMPLE_EXAMPLE = '{"output_text": "…", "output_tools": […]}'
_SAMPLE_KEYS = ("output_text", "output_json", "output_tools", "finish_reason")


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a case's grade must be; nothing is expected where all fields are None."""

    reward: float | None = None
    low: float | None = None
    high: float | None = None
    error: str | None = None

    def __str__(self) -> str:
        if self.error is not None:
            return f"error {self.error}"
        if self.reward is not None:
            return f"{self.reward:g}"
        ends = [f"{name} {end:g}" for name, end in (("min", self.low), ("max", self.high)) if end is not None]
        return " ".join(ends)

    def holds(self, grade: Grade) -> bool | None:
        """Whether the grade is as expected; None when nothing is.

        An output that could not be read earned 0.0 and may be expected to; a broken grader meets
        no expectation of a reward.
        """
        if self is NOTHING or self == NOTHING:
            return None
        if self.error is not None:
            return self.error in grade.errors
        earned = grade.earned
        if earned is None:
            return False
        if self.reward is not None:
            return abs(earned - self.reward) <= TOLERANCE
        low = -math.inf if self.low is None else self.low - TOLERANCE
        high = math.inf if self.high is None else self.high + TOLERANCE
        return low <= earned <= high


NOTHING = Expectation()


@dataclass(frozen=True, slots=True)
class Case:
    """One output to grade; `line` is its 1-based line in the file it came from."""

    line: int
    sample: Sample
    item: dict[str, Any]
    expect: Expectation = NOTHING


def read_cases(path: Path, *, rows: Path | None = None, parse_json: bool = True) -> Iterator[Case]:
    """Read cases one by one.

    Args:
        path: JSON Lines of cases.
        rows: the file whose line numbers `line` counts, usually the training file.
        parse_json: give samples an `output_json` whenever the text is JSON, as `graders/run` does.

    Raises:
        InvalidInputError: a line is no case, or names a row that is not there.
    """
    named = _named_rows(path, rows)
    count = 0
    for line, raw in read_json_lines(path):
        count += 1
        yield _Reader(path, line, raw, parse_json).case(named, rows)
    if not count:
        hint = "write one a line: " + _EXAMPLE
        finding = Finding("RFT382", Level.ERROR, Place(str(path)), "the file holds no case", hint)
        raise InvalidInputError(f"'{path}' holds no case", hint, findings=[finding])


def need_no_judge(path: Path) -> bool:
    """Whether every case of a file brings its judges' results."""
    return all(raw.get("judge") not in (None, {}) for _, raw in read_json_lines(path))


def read_sample(raw: Any, *, parse_json: bool = True) -> Sample:
    """Make a sample from a case's `sample`: text, or an object.

    Raises:
        ValueError: it is neither; the message says what is wrong.
    """
    if isinstance(raw, str):
        return Sample(raw, parse_output(raw) if parse_json else ABSENT)
    if not isinstance(raw, dict):
        raise ValueError(f"'sample' is {kind(raw)}, not text or an object")
    unknown = [key for key in raw if key not in _SAMPLE_KEYS]
    if unknown:
        raise ValueError(f"'sample' has no '{one_line(unknown[0])}'; {suggestion(unknown[0], _SAMPLE_KEYS)}")
    text, tools = raw.get("output_text") or "", raw.get("output_tools") or []
    if not isinstance(text, str) or not isinstance(tools, list):
        raise ValueError("'sample' needs a string as output_text and a list as output_tools")
    output_json = raw["output_json"] if "output_json" in raw else parse_output(text) if parse_json else ABSENT
    return Sample(text, output_json, tools, finish_reason=str(raw.get("finish_reason") or "stop"))


@dataclass(frozen=True, slots=True)
class _Reader:
    path: Path
    line: int
    raw: dict[str, Any]
    parse_json: bool

    def case(self, named: Mapping[int, dict[str, Any]], rows: Path | None) -> Case:
        for key in self.raw:
            if key not in _KEYS:
                raise self.error(f"a case has no '{one_line(key)}'", suggestion(key, _KEYS))
        if "sample" not in self.raw:
            raise self.error("a case needs a 'sample'", f"write {_EXAMPLE}")
        try:
            sample = read_sample(self.raw["sample"], parse_json=self.parse_json)
        except ValueError as error:
            raise self.error(str(error), "give the output's text, or " + _SAMPLE_EXAMPLE) from None
        if "judge" in self.raw:
            sample = replace(sample, judged=self.judged())
        return Case(self.line, sample, self.item(named, rows), self.expectation())

    def judged(self) -> dict[str, Any]:
        raw = self.raw["judge"]
        judged = raw if isinstance(raw, dict) else {"*": raw}
        for value in judged.values():
            if isinstance(value, bool) or not isinstance(value, int | float | str):
                hint = 'write 0.8, a label, or {"GRADER NAME": 0.8}'
                raise self.error(f"'judge' is {kind(value)}, not a judge's number or label", hint)
        return judged

    def item(self, named: Mapping[int, dict[str, Any]], rows: Path | None) -> dict[str, Any]:
        item, number = self.raw.get("item"), self.raw.get("line")
        if (item is None) == (number is None):
            raise self.error("a case needs either 'item' or 'line'", "give the row, or its line in the data")
        if item is not None:
            if not isinstance(item, dict):
                raise self.error(
                    f"'item' is {kind(item)}, not an object", 'write {"answer": …}, the row\'s fields'
                )
            return item
        if rows is None:
            raise self.error("'line' needs a training file to count in", "give the row as 'item'")
        if not isinstance(number, int) or number not in named:
            said = f"'line' is {one_line(repr(number))}, and '{rows}' has no such line"
            raise self.error(said, "count from 1, or give the row as 'item'", code="RFT381")
        return named[number]

    def expectation(self) -> Expectation:
        raw = self.raw.get("expect")
        if raw is None:
            return NOTHING
        hint = 'write {"reward": 1}, {"min": 0.2, "max": 0.6} or {"error": "sample_parse_error"}'
        if not isinstance(raw, dict) or set(raw) not in (
            {"reward"},
            {"min"},
            {"max"},
            {"min", "max"},
            {"error"},
        ):
            raise self.error("'expect' says nothing that can be checked", hint)
        if "error" in raw:
            if raw["error"] not in ERROR_FLAGS:
                what = f"'expect' names the error '{one_line(str(raw['error']))}', which does not exist"
                raise self.error(what, suggestion(raw["error"], ERROR_FLAGS))
            return Expectation(error=raw["error"])
        numbers = {key: self.number(key, value) for key, value in raw.items()}
        return Expectation(numbers.get("reward"), numbers.get("min"), numbers.get("max"))

    def number(self, key: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(
                f"'expect' has {kind(value)} as '{key}', not a number", f'write {{"{key}": 0.5}}'
            )
        return float(value)

    def error(self, message: str, hint: str = "", code: str = "RFT380") -> InvalidInputError:
        place = Place(str(self.path), self.line)
        finding = Finding(code, Level.ERROR, place, message, hint)
        return InvalidInputError(f"{place}: {message}", hint, findings=[finding])


def _named_rows(path: Path, rows: Path | None) -> dict[int, dict[str, Any]]:
    if rows is None:
        return {}
    wanted = {raw["line"] for _, raw in read_json_lines(path) if isinstance(raw.get("line"), int)}
    if not wanted:
        return {}
    return {line: row for line, row in read_json_lines(rows) if line in wanted}
