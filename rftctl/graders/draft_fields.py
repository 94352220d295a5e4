"""Which fields of a dataset's rows hold the right answer.

In: rows, the keys of the response format, fields that the user named. Out: field names, or the question
back: where two fields could be meant, choosing one would draft a grader for the wrong task, and its report
card would not notice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rftctl.errors import InvalidInputError
from rftctl.graders.probes import reference_fields
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rftctl.dataset import Example

_LIKELY = (
    "answer",
    "reference_answer",
    "label",
    "reference",
    "target",
    "expected",
    "ground_truth",
    "solution",
)
_BESIDE = frozenset(
    (
        *("id", "uid", "uuid", "index", "row", "line", "source", "url", "split", "dataset", "license"),
        *("tier", "level", "difficulty", "weight", "tag", "tags", "topic", "category", "subject", "metadata"),
        *("question", "prompt", "context", "document", "language", "date", "created_at", "author"),
    )
)
"""Names of fields that say something about a row and are no answer."""

_FEW = 10


def choose_fields(examples: Sequence[Example], properties: Sequence[str], asked: Sequence[str]) -> list[str]:
    """Choose the fields that hold the right answer.

    Those the user asked for; else those the response format names, or the object whose keys it names; else
    the one with a likely name; else the only one that is neither constant nor a note on the row; else the
    only object or list beside values that keep coming back.

    Raises:
        InvalidInputError: a field is not in every row, or it is not clear which one holds the answer.
    """
    present = reference_fields(examples)
    missing = [name for name in asked if name not in present]
    if missing:
        where = f"there is {one_line(', '.join(present), limit=200)}" if present else "rows share no field"
        raise InvalidInputError(f"field '{one_line(missing[0])}' is not in every row", where)
    columns = {name: [example.item[name] for example in examples] for name in present}
    ways = (
        list(asked),
        [name for name in properties if name in present],
        _objects_with(columns, properties)[:1],
        [name for name in _LIKELY if name in present][:1],
        _only(list(columns)),
        _only(_telling(columns)),
        _only(_structured(columns)),
    )
    chosen = next((names for names in ways if names), [])
    if not chosen:
        raise _unclear(present)
    return chosen


def _unclear(present: Sequence[str]) -> InvalidInputError:
    names = one_line(", ".join(present), limit=200)
    hint = (
        f"name it: --answer-field NAME; there is {names}" if present else "add the right answer to each row"
    )
    return InvalidInputError("it is not clear which field holds the right answer", hint)


def _objects_with(columns: dict[str, list[Any]], keys: Sequence[str]) -> list[str]:
    if not keys:
        return []
    return [
        name
        for name, values in columns.items()
        if all(isinstance(value, dict) and set(keys) <= set(value) for value in values)
    ]


def _telling(columns: dict[str, list[Any]]) -> list[str]:
    return [name for name, values in columns.items() if name.lower() not in _BESIDE and _differ(values) > 1]


def _structured(columns: dict[str, list[Any]]) -> list[str]:
    telling = _telling(columns)
    found = [name for name in telling if all(isinstance(value, dict | list) for value in columns[name])]
    others = [columns[name] for name in telling if name not in found]
    return found if all(_differ(values) <= min(_FEW, len(values) // 3) for values in others) else []


def _differ(values: Sequence[Any]) -> int:
    return len({repr(value) for value in values})


def _only(names: list[str]) -> list[str]:
    return names if len(names) == 1 else []
