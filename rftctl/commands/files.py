"""What lies at a provider, and taking it away again.

In: a provider, the ledger. Out: `FilesReport`, `RemovalReport`. A file is rftctl's own when the ledger
remembers its upload; it is in use while an unfinished run's request names it.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rftctl.commands.runs import files_of
from rftctl.commands.updates import Note, Progress
from rftctl.errors import UsageError
from rftctl.providers import connect
from rftctl.wire import FINAL_STATUSES, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rftctl.commands.updates import Command
    from rftctl.home import Home
    from rftctl.ledger import Ledger, Run
    from rftctl.providers.base import Provider

_ENDED = FINAL_STATUSES | {"refused", "abandoned"}


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file at a provider.

    Attributes:
        is_ours: rftctl uploaded it from this machine.
        runs: the runs whose request names it.
        is_needed: one of them has not ended.
    """

    file_id: str
    filename: str
    n_bytes: int | None
    created_at: int | None
    purpose: str
    is_ours: bool
    runs: tuple[str, ...]
    is_needed: bool


@dataclass(frozen=True, slots=True)
class FilesReport:
    """The files that a provider holds."""

    provider: str
    files: tuple[StoredFile, ...]

    exit_code = 0

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.files/1` document."""
        return {
            "schema": "rftctl.files/1",
            "provider": self.provider,
            "files": [asdict(file) for file in self.files],
        }


@dataclass(frozen=True, slots=True)
class RemovalReport:
    """What was removed, what had been gone before, and what was kept."""

    provider: str
    removed: tuple[str, ...]
    gone_before: tuple[str, ...]
    n_bytes: int

    exit_code = 0

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.files-removed/1` document."""
        return {"schema": "rftctl.files-removed/1", **asdict(self)}


def list_files(name: str, home: Home, ledger: Ledger) -> Command[FilesReport]:
    """List what lies at a provider, the newest first.

    Raises:
        ProviderError: it was not reached, or refuses.
    """
    yield Progress("asking", 0, 1, name)
    with closing(connect(name, home)) as provider:
        return FilesReport(name, _stored(provider, ledger))


def remove_files(
    name: str,
    file_ids: Sequence[str],
    home: Home,
    ledger: Ledger,
    *,
    unused: bool = False,
    force: bool = False,
) -> Command[RemovalReport]:
    """Remove files by their ids, or all uploads of rftctl that no unfinished run needs.

    Args:
        unused: choose them by that rule.
        force: remove also what an unfinished run needs, or what rftctl did not upload.

    Raises:
        UsageError: nothing is named, or a named file must not go without --force.
        ProviderError: the provider refused; what was removed before stays removed, and is said.
    """
    if bool(file_ids) == unused:
        raise UsageError("name the files to remove, or give --unused", "rftctl files list shows them")
    with closing(connect(name, home)) as provider:
        stored = {file.file_id: file for file in _stored(provider, ledger)}
        chosen = [f.file_id for f in stored.values() if f.is_ours and not f.is_needed] if unused else file_ids
        if not force:
            _refuse_needed([stored[file_id] for file_id in chosen if file_id in stored])
        removed: list[str] = []
        gone: list[str] = []
        for done, file_id in enumerate(dict.fromkeys(chosen)):
            yield Progress("removing", done, len(chosen), file_id)
            (removed if provider.delete_file(file_id) else gone).append(file_id)
            ledger.drop_upload(name, file_id)
            yield Note(f"removed {file_id}" if file_id in removed else f"{file_id} was gone already")
    n_bytes = sum(stored[file_id].n_bytes or 0 for file_id in removed if file_id in stored)
    return RemovalReport(name, tuple(removed), tuple(gone), n_bytes)


def provider_meant(name: str | None, ledger: Ledger) -> str:
    """Return the provider that was named, else that of the newest run.

    Raises:
        UsageError: there is no run either.
    """
    if name is not None:
        return name
    runs = ledger.runs()
    if not runs:
        raise UsageError("no provider is named and there is no run yet", "give --provider NAME")
    return runs[0].provider


def _stored(provider: Provider, ledger: Ledger) -> tuple[StoredFile, ...]:
    ours = ledger.uploads(provider.name)
    users: dict[str, list[Run]] = {}
    for run in ledger.runs():
        for file_id in files_of(run.run_id, ledger) if run.provider == provider.name else ():
            users.setdefault(file_id, []).append(run)
    files = [_file(raw, ours, users) for raw in provider.list_files()]
    return tuple(sorted(files, key=lambda file: -(file.created_at or 0)))


def _file(raw: dict[str, Any], ours: dict[str, str], users: dict[str, list[Run]]) -> StoredFile:
    file_id = str(raw.get("id"))
    runs = users.get(file_id, [])
    return StoredFile(
        file_id=file_id,
        filename=str(raw.get("filename") or ""),
        n_bytes=_whole(raw.get("bytes")),
        created_at=_whole(raw.get("created_at")),
        purpose=str(raw.get("purpose") or ""),
        is_ours=file_id in ours,
        runs=tuple(run.run_id for run in runs),
        is_needed=any(run.state not in _ENDED for run in runs),
    )


def _whole(value: object) -> int | None:
    found = number(value)
    return None if found is None else int(found)


def _refuse_needed(files: Sequence[StoredFile]) -> None:
    for file in files:
        if file.is_needed:
            raise UsageError(
                f"file '{file.file_id}' is needed by run {', '.join(file.runs)}", "cancel it, or give --force"
            )
        if not file.is_ours:
            raise UsageError(
                f"file '{file.file_id}' was not uploaded by rftctl on this machine",
                "give --force to remove it",
            )
