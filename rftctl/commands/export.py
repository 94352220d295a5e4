"""Write runs to a file, with everything that the ledger knows of them.

In: runs of the ledger, a path. Out: `RunsExport`, and the file: JSON Lines, one run a line, or one JSON
document where the name ends in `.json`. Keys are masked; the file is complete or not there.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Any

from rftctl.commands.runs import files_of
from rftctl.commands.updates import Progress
from rftctl.errors import StorageError, UsageError
from rftctl.redaction import redact_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rftctl.commands.updates import Command
    from rftctl.ledger import Ledger, Run


@dataclass(frozen=True, slots=True)
class RunsExport:
    """What was written where."""

    path: str
    n_runs: int
    n_bytes: int

    exit_code = 0

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.runs-export/1` document."""
        return {"schema": "rftctl.runs-export/1", **asdict(self)}


def export_runs(runs: Sequence[Run], ledger: Ledger, path: Path) -> Command[RunsExport]:
    """Write runs, one in memory at a time.

    Raises:
        UsageError: the file is there already.
        StorageError: it cannot be written.
    """
    if path.exists() or path.is_symlink():
        raise UsageError(f"file '{path}' is there already", "name another one, or remove it")
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        with _private(unfinished) as file:
            yield from _write(runs, ledger, file, is_document=path.suffix == ".json")
            file.flush()
            os.fsync(file.fileno())
        n_bytes = unfinished.stat().st_size
        unfinished.replace(path)
    except OSError as error:
        raise StorageError(
            f"file '{path}' cannot be written: {error.strerror}", "name another place"
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return RunsExport(str(path), len(runs), n_bytes)


def describe_run(run: Run, ledger: Ledger) -> dict[str, Any]:
    """Return all that the ledger knows of a run, without keys."""
    uploads = ledger.uploads(run.provider)
    return dict(
        redact_values(
            {
                "schema": "rftctl.run-export/1",
                "run": asdict(run),
                "entries": ledger.entries(run.run_id),
                "events": [asdict(event) for event in ledger.events(run.run_id)],
                "files": {file_id: uploads.get(file_id) for file_id in files_of(run.run_id, ledger)},
            }
        )
    )


def _write(runs: Iterable[Run], ledger: Ledger, file: IO[str], *, is_document: bool) -> Command[None]:
    listed = list(runs)
    file.write('{"schema": "rftctl.runs-export-document/1", "runs": [' if is_document else "")
    for done, run in enumerate(listed):
        yield Progress("export", done, len(listed), run.run_id)
        file.write("," if is_document and done else "")
        file.write(json.dumps(describe_run(run, ledger), default=str) + "\n")
    file.write("]}\n" if is_document else "")


def _private(path: Path) -> IO[str]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8")
