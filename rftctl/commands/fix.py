"""Write corrected copies of a spec and its files, where there is exactly one right answer.

In: a spec's path and a folder that holds nothing yet. Out: `FixReport`, the document `rftctl.fix/1`: what was
done to which line, and what validation says of the copies. The originals are never touched, files are
streamed, and the folder appears whole or not at all.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rftctl.commands.mending import Repair, RepairLog, RowMender, TextMender, role_change
from rftctl.commands.updates import Command, Progress
from rftctl.commands.validate import ValidationReport, validate
from rftctl.errors import ExitCode, InvalidInputError, StorageError, UsageError
from rftctl.finding import Place
from rftctl.home import Home, open_home
from rftctl.providers import profile_of
from rftctl.spec.files import find_root
from rftctl.spec.load import draft_spec, files_of
from rftctl.strict_jsonl import MAX_LINE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rftctl.commands.mending import LineMap, Mender
    from rftctl.spec.load import NamedFiles, SpecDraft

PROGRESS_EVERY = 10_000


@dataclass(frozen=True)
class FixReport:
    """What was corrected, and what is left.

    Attributes:
        spec: the copy of the spec.
        repairs: the first of each kind in each file.
        counts: kind -> how many there were.
        validation: what is to be said of the copies; their findings have no single right answer.
    """

    path: str
    spec: str
    files: tuple[str, ...]
    repairs: tuple[Repair, ...]
    counts: dict[str, int]
    validation: ValidationReport

    @property
    def exit_code(self) -> ExitCode:
        """OK when the copies are valid, INVALID when something is left that only a person can decide."""
        return self.validation.exit_code

    def to_json(self) -> dict[str, Any]:
        """Return the document `rftctl.fix/1`."""
        return {
            "schema": "rftctl.fix/1",
            "path": self.path,
            "spec": self.spec,
            "files": list(self.files),
            "n_repairs": sum(self.counts.values()),
            "counts": dict(self.counts),
            "repairs": [repair.to_json() for repair in self.repairs],
            "validation": self.validation.to_json(),
        }


def fix(
    spec_path: Path,
    out_dir: Path,
    *,
    target: str | None = None,
    overrides: Mapping[str, str] = MappingProxyType({}),
    strict: bool = False,
    home: Home | None = None,
) -> Command[FixReport]:
    """Write corrected copies below `out_dir`, keeping how the files lie to each other, and validate them.

    Args:
        out_dir: a folder that does not exist yet, or is empty.

    Raises:
        InvalidInputError: the spec cannot be read, so that nobody knows its files.
        UsageError: the folder holds something, or the copies could not be validated there.
        StorageError: the copies cannot be written.
    """
    home = home or open_home()
    draft = draft_spec(spec_path, target=target, overrides=overrides)
    job = _Copies(draft, files_of(draft), _role(draft, home), out_dir.absolute())
    with job.folder() as partial:
        yield from job.write(partial)
    validation = yield from validate(
        job.copy_of(draft.path.resolve()), target=target, overrides=overrides, strict=strict, home=home
    )
    return FixReport(
        Place.of(spec_path).path,
        Place.of(job.copy_of(draft.path.resolve())).path,
        tuple(Place.of(job.copy_of(source)).path for source in job.sources()),
        tuple(job.log.kept),
        dict(job.log.counts),
        validation,
    )


def _role(draft: SpecDraft, home: Home) -> tuple[str, str] | None:
    provider = draft.layers.value.get("provider")
    try:
        return role_change(profile_of(provider, home).roles) if isinstance(provider, str) else None
    except InvalidInputError:
        # That the provider is unknown is for validation to say.
        return None


class _Copies:
    """The files of one spec on their way into another folder."""

    def __init__(
        self, draft: SpecDraft, files: NamedFiles, role: tuple[str, str] | None, out_dir: Path
    ) -> None:
        self._draft, self._files, self._role, self._out_dir = draft, files, role, out_dir
        self._base = Path(os.path.commonpath([source.parent for source in self.sources()]))
        self._moved: LineMap | None = None
        self.log = RepairLog()
        self._refuse_folder()

    def sources(self) -> list[Path]:
        """List every file that is copied; cases come last, since they name lines of the training file."""
        files = self._files
        return list(dict.fromkeys((self._draft.path.resolve(), *files.texts, *files.rows, *files.cases)))

    def copy_of(self, source: Path, folder: Path | None = None) -> Path:
        """Name the copy of a file, below the folder asked for or one that stands in for it."""
        return (folder or self._out_dir) / source.relative_to(self._base)

    def _refuse_folder(self) -> None:
        out_dir = self._out_dir
        if out_dir.exists() and not (out_dir.is_dir() and not any(out_dir.iterdir())):
            raise UsageError(
                f"folder '{Place.of(out_dir).path}' is not empty", "name a new folder: nothing is overwritten"
            )
        if not out_dir.parent.is_dir():
            raise UsageError(f"folder '{Place.of(out_dir.parent).path}' does not exist", "make it first")
        root = find_root(self.copy_of(self._draft.path.resolve()))
        if not all(self.copy_of(source).is_relative_to(root) for source in self.sources()):
            message = f"folder '{Place.of(out_dir).path}' is no project"
            message += ", and the spec names files above its own folder"
            raise UsageError(message, f"name a folder below '{self._draft.root}'")

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Give a folder to write into, which takes its name when everything is in it."""
        partial = self._out_dir.with_name(f".{self._out_dir.name}.{os.getpid()}.partial")
        try:
            partial.mkdir()
            yield partial
            if self._out_dir.exists():
                self._out_dir.rmdir()
            partial.rename(self._out_dir)
        except OSError as error:
            reason = error.strerror or "the system refused"
            message = f"corrected copies cannot be written to '{Place.of(self._out_dir).path}': {reason}"
            raise StorageError(message, "free some space, or name a folder of yours") from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def write(self, partial: Path) -> Command[None]:
        """Write every file, corrected."""
        for source in self.sources():
            copy = self.copy_of(source, partial)
            copy.parent.mkdir(parents=True, exist_ok=True)
            mender = self._mender(source)
            yield from _mend(source, copy, mender)
            if source == self._draft.files.get("training_file") and isinstance(mender, RowMender):
                self._moved = mender.lines

    def _mender(self, source: Path) -> Mender:
        shown = Place.of(source).path
        if source in self._files.rows:
            return RowMender(shown, self.log, self._role)
        if source in self._files.cases:
            return RowMender(shown, self.log, are_rows=False, moved=self._moved)
        # A newline more at the end of a prompt would be another prompt; code and specs do not mind.
        return TextMender(shown, self.log, needs_final_newline=source.suffix in (".py", ".yaml", ".yml"))


def _mend(source: Path, copy: Path, mender: Mender) -> Command[None]:
    with source.open("rb") as reading, copy.open("xb") as writing:
        number = 0
        while line := reading.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) <= MAX_LINE_BYTES:
                writing.write(mender.mend(number, line))
            else:
                writing.write(line)
                while line and not line.endswith(b"\n"):
                    line = reading.readline(2**20)
                    writing.write(line)
            if number % PROGRESS_EVERY == 0:
                yield Progress(f"correcting {source.name}", number)
