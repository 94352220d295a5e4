"""Turn a person's own table into dataset rows.

In: a CSV or TSV file with a header, the column of the prompts and the column of the answers. Out: rows in
the provider's form, split so that equal prompts never stand in two splits, and what was left out.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rftctl.errors import InvalidInputError, UsageError
from rftctl.finding import Finding, Level, Place
from rftctl.spec.overlay import suggest
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_FIELD_CHARS = 1_000_000
# A leading zero makes it a code, such as a postcode, and no number.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_SPLIT_SHARES = (("train", 0.7), ("validation", 0.85), ("test", 1.0))


@dataclass(slots=True)
class Table:
    """The rows of a table by split, and what was left out.

    Attributes:
        splits: `train`, `validation`, `test` -> rows in the provider's form.
        without_answer: line numbers whose prompt or answer is empty.
        repeated: line numbers whose prompt and answer stood before.
        contradicting: line numbers whose prompt stood before with another answer.
    """

    splits: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {name: [] for name, _ in _SPLIT_SHARES}
    )
    without_answer: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    contradicting: list[int] = field(default_factory=list)


def read_table(path: Path, *, prompt_column: str, answer_column: str, system: str | None = None) -> Table:
    """Read a table into rows `{"messages": [...], "answer": ..., other columns}`.

    Args:
        system: text of a first message, the same for every row.

    An answer column that holds nothing but numbers becomes numbers.

    Raises:
        UsageError: there is no such column.
        InvalidInputError: the file is no table, or no row of it can be used.
    """
    table, answers = Table(), dict[str, str]()
    for line, record in _records(path, (prompt_column, answer_column)):
        prompt, answer = record[prompt_column].strip(), record[answer_column].strip()
        if not prompt or not answer:
            table.without_answer.append(line)
        elif prompt in answers:
            (table.repeated if answers[prompt] == answer else table.contradicting).append(line)
        else:
            answers[prompt] = answer
            others = {k: v for k, v in record.items() if k not in (prompt_column, answer_column)}
            table.splits[_split_of(prompt)].append(_row(prompt, answer, others, system))
    if not answers:
        raise _broken(path, 1, "has no row with a prompt and an answer", "look at the two columns' names")
    if all(_NUMBER.fullmatch(answer) for answer in answers.values()):
        _make_numbers(table)
    return table


def _make_numbers(table: Table) -> None:
    for row in (row for rows in table.splits.values() for row in rows):
        row["answer"] = json.loads(row["answer"])


def _records(path: Path, wanted: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    csv.field_size_limit(MAX_FIELD_CHARS)
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = _delimiter(file.readline(MAX_FIELD_CHARS))
            file.seek(0)
            reader = csv.DictReader(file, delimiter=delimiter, strict=True)
            _check_columns(path, list(reader.fieldnames or ()), wanted)
            for record in reader:
                line = reader.line_num
                yield line, _complete(path, line, record)
    except UnicodeDecodeError as error:
        hint = "save it as UTF-8: in a spreadsheet, 'CSV UTF-8'"
        raise _broken(path, line, "is not UTF-8 text", hint) from error
    except csv.Error as error:
        raise _broken(path, line, f"is not a table: {error}", "look for an unclosed quote") from error
    except OSError as error:
        raise InvalidInputError(f"file '{path}' cannot be read: {error.strerror}") from error


def _delimiter(header: str) -> str:
    # csv.Sniffer needs many rows and still takes letters for delimiters; a header holds them bare.
    return max(",;\t|", key=header.count)


def _check_columns(path: Path, names: list[str], wanted: tuple[str, ...]) -> None:
    for column in wanted:
        if column not in names:
            message = f"file '{path}' has no column '{one_line(column)}'"
            raise UsageError(message, suggest(column, [one_line(name) for name in names]))
    doubled = {name for name in names if names.count(name) > 1}
    if doubled:
        raise _broken(path, 1, f"has two columns '{one_line(min(doubled))}'", "rename one of them")


def _complete(path: Path, line: int, record: dict[str | Any, Any]) -> dict[str, str]:
    if None in record or None in record.values():
        hint = "a comma in a text needs quotes around the text"
        raise _broken(path, line, "has more or fewer fields here than its header", hint)
    return record


def _row(prompt: str, answer: str, others: dict[str, str], system: str | None) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}]
    if system:
        messages.insert(0, {"role": "developer", "content": system})
    taken = {"messages", "tools", "answer"}
    extra = {f"{key}_column" if key in taken else key: value for key, value in others.items() if key}
    return {"messages": messages, "answer": answer, **extra}


def _split_of(prompt: str) -> str:
    # By the prompt's hash: adding rows later moves none of the old ones into another split.
    part = int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:8], "big") / 2**64
    return next(name for name, below in _SPLIT_SHARES if part < below)


def _broken(path: Path, line: int, message: str, hint: str) -> InvalidInputError:
    finding = Finding("RFT200", Level.ERROR, Place.of(path, line), f"the file {message}", hint)
    return InvalidInputError(f"file '{path}' {message}", hint, findings=[finding])
