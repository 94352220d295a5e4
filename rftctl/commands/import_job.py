"""Carry a job home from its provider, so that it can be launched again anywhere.

In: a job's id, a folder that does not exist yet. Out: that folder with a spec, its data files, the graders'
code, the events, the curve, checkpoints and result files; `ImportReport`. The request that a launch of the
spec makes equals the job's own but for ids, as far as the job tells it: hyperparameters come back as the
numbers that the provider chose. What cannot be had is said and does not stop the rest: then the answer is 1.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import os
import shutil
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rftctl.commands.imported_spec import ImportedSpec, imported_spec
from rftctl.commands.updates import Progress
from rftctl.curve import RewardCurve
from rftctl.dataset import parse_output
from rftctl.errors import ExitCode, ProviderError, StorageError, UsageError
from rftctl.profiles import load_profiles
from rftctl.providers import connect, profile_of
from rftctl.text import one_line, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rftctl.commands.updates import Command
    from rftctl.home import Home
    from rftctl.ledger import Ledger
    from rftctl.providers.base import Provider
    from rftctl.wire import Checkpoint, Job, JobEvent

T = TypeVar("T")

_DATA = {"training_file": "train.jsonl", "validation_file": "validation.jsonl"}
_N_CALLS = 5


@dataclass(frozen=True)
class ImportReport:
    """What came home, and what did not.

    Attributes:
        files: name below the folder -> what it holds.
        missing: what could not be had, or has no place in a spec, each with the reason.
        targets: the spec's targets, the places where it can be launched again.
        is_complete: everything that hangs on the job was had.
    """

    job_id: str
    provider: str
    folder: Path
    files: dict[str, str]
    missing: tuple[str, ...]
    targets: tuple[str, ...]
    is_complete: bool = True

    @property
    def exit_code(self) -> ExitCode:
        """1 when something that the job names did not come along: repeat it, or look for that by hand."""
        return ExitCode.OK if self.is_complete else ExitCode.NO

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.import/1` document."""
        return {
            "schema": "rftctl.import/1",
            "exit_code": int(self.exit_code),
            "job_id": self.job_id,
            "provider": self.provider,
            "folder": str(self.folder),
            "files": dict(self.files),
            "missing": list(self.missing),
            "targets": list(self.targets),
        }


@dataclass(frozen=True)
class _Baggage:
    """A job with everything that hangs on it."""

    job: Job
    events: Sequence[JobEvent]
    checkpoints: Sequence[Checkpoint]
    contents: dict[str, bytes]
    missing: list[str]


def import_job(
    job_id: str, out: Path, home: Home, ledger: Ledger, *, provider: str | None = None
) -> Command[ImportReport]:
    """Write a job into a new folder, whole or not at all.

    Args:
        provider: where it ran; needed unless a run of the ledger has this job.

    Raises:
        UsageError: the folder is there already, the job is no reinforcement job, or nobody says where it ran.
        ProviderError: there is no such job.
        StorageError: the folder cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"'{out}' is there already", "name a new folder: --out DIR")
    known = next((run.provider for run in ledger.runs() if run.job_id == job_id), None)
    name = provider or known
    if name is None:
        raise UsageError(f"nobody says where job '{one_line(job_id)}' ran", "--provider openai, azure, ...")
    profile = profile_of(name, home)
    with closing(connect(name, home)) as connected:
        baggage = yield from _fetch(connected, job_id)
    spec = imported_spec(baggage.job, name, profile, load_profiles(home.profiles))
    files = _write(out, spec, baggage)
    lost = (*baggage.missing, *spec.left_out)
    targets = tuple(spec.value.get("targets", ()))
    return ImportReport(baggage.job.id, name, out, files, lost, targets, is_complete=not baggage.missing)


def _fetch(provider: Provider, job_id: str) -> Command[_Baggage]:
    yield Progress("import", 0, _N_CALLS, "job")
    job = provider.job(job_id)
    missing: list[str] = []
    yield Progress("import", 1, _N_CALLS, "events")
    events = _or_missing(lambda: provider.events(job.id), "events", missing) or []
    yield Progress("import", 2, _N_CALLS, "checkpoints")
    checkpoints = _or_missing(lambda: provider.checkpoints(job.id), "checkpoints", missing) or []
    contents: dict[str, bytes] = {}
    yield Progress("import", 3, _N_CALLS, "data files")
    for key, name in _DATA.items():
        file_id = getattr(job, key)
        if isinstance(file_id, str):
            _download(provider, file_id, name, contents, missing)
        elif key == "training_file":
            missing.append("the job names no training file")
    yield Progress("import", 4, _N_CALLS, "result files")
    for index, file_id in enumerate(job.result_files, 1):
        _download(provider, file_id, f"results-{index}.csv", contents, missing)
    yield Progress("import", _N_CALLS, _N_CALLS)
    return _Baggage(job, events, checkpoints, contents, missing)


def _download(
    provider: Provider, file_id: str, name: str, contents: dict[str, bytes], missing: list[str]
) -> None:
    what = f"{name} ({file_id})"
    content = _or_missing(lambda: provider.content(file_id), what, missing)
    if content is None:
        return
    if name not in _DATA.values():
        contents[name] = plain_result(content)
    elif holds_rows(content):
        contents[name] = content
    else:
        missing.append(f"{what}: what came are no rows: '{one_line(content[:60].decode(errors='replace'))}'")


def holds_rows(content: bytes) -> bool:
    """Tell whether a download is the rows of a fine-tuning file, not a page of some proxy, nor nothing."""
    rows = [parse_output(line.decode(errors="replace")) for line in content.splitlines() if line.strip()]
    return bool(rows) and all(isinstance(row, dict) and isinstance(row.get("messages"), list) for row in rows)


def _or_missing(read: Callable[[], T], what: str, missing: list[str]) -> T | None:
    try:
        return read()
    except ProviderError as error:
        missing.append(f"{what}: {error.message}")
        return None


def plain_result(content: bytes) -> bytes:
    """Take the base64 off a result file: some copies of the API wrap it, some do not."""
    try:
        decoded = base64.b64decode(b"".join(content.split()), validate=True)
        decoded.decode()
    except (binascii.Error, UnicodeDecodeError):
        return content
    return decoded if decoded.startswith(b"step") else content


def curve_csv(curve: RewardCurve) -> str:
    """Write the reward curve as CSV, a row a step and split; blank where the provider says nothing."""
    text = io.StringIO(newline="")
    columns = ("step", "split", "reward_mean", "reward_std", "completion_tokens_mean", "truncated_share")
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: "" if v is None else v for k, v in point.items()} for point in curve.to_json())
    return text.getvalue()


def _write(out: Path, spec: ImportedSpec, baggage: _Baggage) -> dict[str, str]:
    contents, held = _contents(spec, baggage)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        # 0700, since prompts may be private; renamed at the end, so that there is no half an import.
        partial = Path(tempfile.mkdtemp(prefix=".rftctl-import-", dir=out.parent))
        try:
            for name, content in contents.items():
                with (partial / name).open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            partial.rename(out)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    except OSError as error:
        raise StorageError(
            f"'{out}' cannot be written: {error.strerror}", "free disk space, or --out DIR"
        ) from error
    return held


def _contents(spec: ImportedSpec, baggage: _Baggage) -> tuple[dict[str, bytes], dict[str, str]]:
    events = "".join(json.dumps(_event(event)) + "\n" for event in baggage.events)
    checkpoints = json.dumps([checkpoint.raw for checkpoint in baggage.checkpoints], indent=2)
    curve = RewardCurve.from_events(baggage.events)
    contents = {"spec.yaml": spec.text.encode(), **spec.sources, **baggage.contents}
    contents |= {
        "curve.csv": curve_csv(curve).encode(),
        "events.jsonl": events.encode(),
        "checkpoints.json": checkpoints.encode(),
        "job.json": json.dumps(baggage.job.raw, indent=2).encode(),
    }
    held = {"spec.yaml": "the spec, ready to be launched"}
    held |= dict.fromkeys(spec.sources, "a grader's code")
    for name, content in baggage.contents.items():
        n_lines = len(content.splitlines())
        held[name] = (
            plural(n_lines, "row") if name in _DATA.values() else f"result file, {plural(n_lines, 'line')}"
        )
    held["curve.csv"] = f"the reward curve, {plural(len(curve.points), 'point')}"
    held["events.jsonl"] = plural(len(baggage.events), "event")
    held["checkpoints.json"] = plural(len(baggage.checkpoints), "checkpoint")
    held["job.json"] = "the job as its provider tells it"
    return contents, held


def _event(event: JobEvent) -> dict[str, Any]:
    fields = ("id", "created_at", "level", "type", "message", "data")
    return {name: getattr(event, name) for name in fields}
