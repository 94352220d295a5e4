"""Read a dataset whose rows must all be right.

In: a JSON Lines file. Out: `Example`s one by one, or InvalidInputError at the first bad row. For all
findings of a file at once see `check_dataset`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rftctl.dataset.model import Example
from rftctl.dataset.rows import check_row
from rftctl.errors import InvalidInputError
from rftctl.finding import Finding, Level, Place
from rftctl.strict_jsonl import read_json_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def read_examples(path: Path) -> Iterator[Example]:
    """Yield every row of a dataset as an Example.

    Raises:
        InvalidInputError: at the first row that is wrong, with its file and line; also for an empty file.
    """
    line_number = 0
    for line_number, row in read_json_lines(path):
        for fault in check_row(row):
            if fault.level is Level.ERROR:
                place = Place.of(path, line_number)
                finding = Finding(fault.code, fault.level, place, fault.message, fault.hint)
                raise InvalidInputError(f"{place}: {fault.message}", fault.hint, findings=[finding])
        yield Example(line_number, row["messages"], row.get("tools"), row)
    if line_number == 0:
        place = Place.of(path)
        message, hint = f"file '{place.path}' has no rows", "add one JSON object a line"
        finding = Finding("RFT200", Level.ERROR, place, message, hint)
        raise InvalidInputError(message, hint, findings=[finding])
