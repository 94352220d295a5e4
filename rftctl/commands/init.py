"""Start a project: a working copy of a sample, or a person's own table made into a dataset and a spec.

In: a sample's name, or a CSV file and two of its columns. Out: a folder that `rftctl run` takes, and
`InitReport`, the document `rftctl.init/1`. Nothing that exists is overwritten.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rftctl.commands.draft import draft
from rftctl.commands.updates import Note
from rftctl.dataset.from_csv import Table, read_table
from rftctl.errors import ExitCode, InvalidInputError, NotOfferedError, StorageError, UsageError
from rftctl.shipped import ShippedSample, shipped_samples
from rftctl.text import one_line, plural

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rftctl.commands.draft import DraftReport
    from rftctl.commands.updates import Command

SPEC_NAME = "spec.yaml"
MIN_ROWS = 20
"""Fewer usable rows than this leave nothing to hold out."""
_SHOWN_LINES = 8


@dataclass(frozen=True, slots=True)
class InitReport:
    """A folder to start from.

    Attributes:
        source: the sample's name or the table's path.
        n_examples: split -> rows; empty for a sample.
        has_grader: False when none could be drafted that deserves trust; the spec then says what to write.
    """

    folder: str
    spec: str
    source: str
    files: tuple[str, ...]
    n_examples: dict[str, int]
    has_grader: bool = True

    @property
    def exit_code(self) -> ExitCode:
        """0, or 1 when the grader is still to be written."""
        return ExitCode.OK if self.has_grader else ExitCode.NO

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.init/1` document."""
        return {"schema": "rftctl.init/1", "exit_code": int(self.exit_code), **asdict(self)}


def init_from_sample(sample: ShippedSample, folder: Path) -> Command[InitReport]:
    """Copy a sample's spec, data and grader into a new folder.

    Raises:
        UsageError: the folder holds something already.
        StorageError: it cannot be written.
    """
    _check_empty(folder)
    yield Note(f"copying sample '{sample.name}'")
    try:
        shutil.copytree(
            sample.folder, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
        )
        # The build script of a copy finds it beside itself.
        shutil.copy(sample.folder.parent / "building.py", folder)
        text = sample.spec.read_text(encoding="utf-8").replace(f"../samples/{sample.name}/", "")
        (folder / SPEC_NAME).write_text(text, encoding="utf-8")
    except OSError as error:
        raise _unwritable(folder, error) from error
    return InitReport(str(folder), str(folder / SPEC_NAME), sample.name, _names(folder), {})


def init_from_table(
    path: Path,
    folder: Path,
    *,
    prompt_column: str,
    answer_column: str,
    system: str | None = None,
    allow_unsafe: bool = False,
) -> Command[InitReport]:
    """Make a table into train, validation and test rows, with a drafted grader and a spec.

    Args:
        system: instructions that go before every prompt.

    Raises:
        UsageError: no such column, or the folder holds something already.
        InvalidInputError: the table is broken, or too small to hold anything out.
        StorageError: the folder cannot be written.
    """
    _check_empty(folder)
    table = read_table(path, prompt_column=prompt_column, answer_column=answer_column, system=system)
    yield from _left_out(table)
    n_examples = {split: len(rows) for split, rows in table.splits.items()}
    if sum(n_examples.values()) < MIN_ROWS or not all(n_examples.values()):
        raise InvalidInputError(
            f"file '{path}' has {plural(sum(n_examples.values()), 'usable row')}",
            f"at least {MIN_ROWS} are needed to train on some and hold out others",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for split, rows in table.splits.items():
            _write_rows(folder / f"{split}.jsonl", rows)
        drafted = yield from _draft(folder / "train.jsonl", allow_unsafe)
        (folder / SPEC_NAME).write_text(_spec_text(folder.name, drafted), encoding="utf-8")
    except OSError as error:
        raise _unwritable(folder, error) from error
    spec = str(folder / SPEC_NAME)
    return InitReport(str(folder), spec, str(path), _names(folder), n_examples, drafted is not None)


def _check_empty(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(f"folder '{folder}' is not empty", "give the name of a new one")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"'{folder}' is a file", "give the name of a new folder")


def _left_out(table: Table) -> Command[None]:
    for what, lines in (
        ("without a prompt or an answer", table.without_answer),
        ("that stood before", table.repeated),
        ("whose prompt stood before with another answer", table.contradicting),
    ):
        if lines:
            shown = ", ".join(map(str, lines[:_SHOWN_LINES])) + (", …" if lines[_SHOWN_LINES:] else "")
            yield Note(f"left out {plural(len(lines), 'row')} {what}: line {shown}", "warning")


def _write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _draft(rows: Path, allow_unsafe: bool) -> Command[DraftReport | None]:
    try:
        report = yield from draft(rows, fields=["answer"], allow_unsafe=allow_unsafe)
    except (InvalidInputError, NotOfferedError) as error:
        yield Note(f"no grader could be drafted: {error}", "warning")
        return None
    if report.exit_code is not ExitCode.OK:
        yield Note(f"the drafted grader is refused: {report.card.reason}", "warning")
        return None
    return report


def _spec_text(name: str, drafted: DraftReport | None) -> str:
    import yaml

    head = {
        "version": 1,
        "name": re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip("-._")[:64] or "my-run",
        "provider": "local",
        "model": "smollm2-135m",
        "training_file": "train.jsonl",
        "validation_file": "validation.jsonl",
    }
    rest = {
        "hyperparameters": {"n_epochs": 1, "batch_size": 4},
        "engine": {"num_generations": 8, "max_completion_tokens": 64, "max_steps": 20},
        "evaluate": {"test_file": "test.jsonl"},
        "targets": {"azure": {"provider": "azure", "model": "o4-mini-2025-04-16"}},
    }
    parts = (yaml.safe_dump(part, sort_keys=False) for part in (head, rest))
    return _HEADER + _grader_text(drafted).join(parts)


def _grader_text(drafted: DraftReport | None) -> str:
    import yaml

    if drafted is None:
        return _NO_GRADER
    low = drafted.card.discrimination_low
    note = f"# Drafted from the rows; right beats wrong on at least {low:.0%} of them. Review it.\n"
    return note + yaml.safe_dump({"grader": drafted.grader}, sort_keys=False, allow_unicode=True, width=100)


_HEADER = "# rftctl validate spec.yaml, then grade, then run. Every key: rftctl schema\n"
_NO_GRADER = """\
# No grader could be drafted that tells right from wrong on these rows. This one compares letter by
# letter; write a better one before you train, and try it: rftctl grade spec.yaml --report-card
grader:
  type: string_check
  name: exact
  input: "{{sample.output_text}}"
  reference: "{{item.answer}}"
  operation: eq
"""


def _names(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()))


def _unwritable(folder: Path, error: OSError) -> StorageError:
    return StorageError(
        f"folder '{one_line(str(folder))}' cannot be written: {error.strerror}", "choose another"
    )


@dataclass(frozen=True, slots=True)
class SamplesReport:
    """The samples there are, each with its title."""

    samples: dict[str, str]
    exit_code = ExitCode.OK

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.samples/1` document."""
        return {"schema": "rftctl.samples/1", "samples": self.samples}


def list_samples() -> SamplesReport:
    """Name every sample that a working copy can be made of."""
    return SamplesReport({name: sample.title for name, sample in shipped_samples().items()})
