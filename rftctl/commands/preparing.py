"""Everything that a launch knows before it meets the provider, read once.

In: a spec's path. Out: `Prepared`: the spec, its data files with their hashes, the estimate, the findings; or
InvalidInputError with every error that validation found. Some refusals rest on a date, dates can be wrong and
some customers have an arrangement of their own: the user may let those pass, for one launch.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from rftctl.commands.opening import judge_settings
from rftctl.commands.validate import validate
from rftctl.cost import estimate_cost
from rftctl.errors import InvalidInputError, UsageError
from rftctl.finding import Level
from rftctl.profiles import load_profiles
from rftctl.providers import profile_of
from rftctl.spec import load_spec
from rftctl.spec.fit import Fit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from rftctl.commands.updates import Command
    from rftctl.commands.validate import ValidationReport
    from rftctl.cost import CostEstimate
    from rftctl.finding import Finding
    from rftctl.home import Home
    from rftctl.profiles import Profile
    from rftctl.spec import SpecFile

DATED_CODES = ("RFT402", "RFT405", "RFT421", "RFT442")
"""Refusals that rest on a day: a model, a platform or a grader's model has ended."""
_DATA_FILES = {"training_file": "training", "validation_file": "validation"}


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file as it was when it was hashed.

    Attributes:
        stamp: inode, size and time of change at that moment.
    """

    path: Path
    sha256: str
    n_bytes: int
    n_rows: int
    stamp: tuple[int, int, int]

    def check_unchanged(self) -> None:
        """Refuse a file that was changed after it was checked and hashed.

        Raises:
            InvalidInputError: it is another file now.
        """
        try:
            now = _stamp(self.path)
        except OSError as error:
            raise InvalidInputError(
                f"data file '{self.path.name}' cannot be read any more: {error.strerror}", "launch again"
            ) from error
        if now != self.stamp:
            raise InvalidInputError(
                f"data file '{self.path.name}' was changed while it was being launched",
                "launch again once nothing writes to it",
            )


@dataclass(frozen=True)
class Prepared:
    """A spec that may be launched.

    Attributes:
        overrides: the `--set` values in force, kept so that the spec can be loaded again.
        data: `training_file` and `validation_file`, as far as the spec names them.
        judge: the user's own judge, for model graders on the embedded engine.
        findings: what validation had to say, without what refuses.
        allowed: dated refusals that the user lets pass.
    """

    spec_file: SpecFile
    profile: Profile
    estimate: CostEstimate
    data: Mapping[str, DataFile]
    judge: Mapping[str, Any] | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    allowed: tuple[Finding, ...] = ()
    allowed_codes: tuple[str, ...] = ()

    @property
    def data_sha256(self) -> str:
        """Hash of what the job learns from: training and validation rows, in that order."""
        digest = hashlib.sha256()
        for name in _DATA_FILES:
            digest.update(self.data[name].sha256.encode() if name in self.data else b"-")
        return digest.hexdigest()

    @property
    def grader_sha256(self) -> str:
        """Hash of the grader, the text of its files included."""
        text = json.dumps(self.spec_file.grader, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def prepare_spec(
    spec_path: Path,
    home: Home,
    *,
    target: str | None = None,
    overrides: Mapping[str, str] | None = None,
    allow: Sequence[str] = (),
) -> Command[Prepared]:
    """Validate a spec and gather what its launch needs.

    Args:
        allow: codes of dated refusals that may pass.

    Raises:
        InvalidInputError: with every error that validation found and nobody allowed.
        UsageError: a code to allow is not that of a date.
    """
    check_allow(allow)
    validation = yield from validate(spec_path, target=target, overrides=overrides or {}, home=home)
    return prepare(validation, spec_path, home, overrides or {}, allow)


def prepare(
    validation: ValidationReport,
    spec_path: Path,
    home: Home,
    overrides: Mapping[str, str],
    allow: Sequence[str] = (),
) -> Prepared:
    """Make a validated spec ready to be launched; its data files are hashed here and nowhere else.

    Raises:
        InvalidInputError: with every error that validation found and nobody allowed.
    """
    check_allow(allow)
    allowed = tuple(f for f in validation.findings if _refuses(f) and f.code in allow)
    errors = [f for f in validation.findings if _refuses(f) and f.code not in allow]
    if errors or (validation.exit_code and not allowed):
        raise InvalidInputError(f"spec '{spec_path}' is not valid", findings=errors)
    spec_file = load_spec(spec_path, target=validation.target, overrides=overrides)
    profile = profile_of(spec_file.spec.provider, home)
    hidden = _hidden_by(allowed, spec_file, profile, home)
    if any(finding.code not in allow for finding in hidden):
        raise InvalidInputError(f"spec '{spec_path}' is not valid", findings=hidden)
    n_rows = validation.n_examples
    return Prepared(
        spec_file=spec_file,
        profile=profile,
        estimate=estimate_cost(spec_file.spec, profile, n_rows.get("training", 0)),
        data=read_data(spec_file, n_rows),
        judge=judge_settings(spec_file, home),
        overrides=dict(overrides),
        findings=tuple(f for f in validation.findings if not _refuses(f)),
        allowed=(*allowed, *hidden),
        allowed_codes=tuple(dict.fromkeys(allow)),
    )


def check_allow(allow: Iterable[str]) -> None:
    """Refuse to let anything pass but a date.

    Raises:
        UsageError: a code is not that of a dated refusal.
    """
    for code in allow:
        if code not in DATED_CODES:
            raise UsageError(
                f"--allow {code}: only a refusal that rests on a date can be let pass",
                f"those are {', '.join(DATED_CODES)}; rftctl explain CODE says what each means",
            )


def read_data(spec_file: SpecFile, n_rows: Mapping[str, int]) -> dict[str, DataFile]:
    """Hash the data files that a job learns from, each once."""
    found = {name: spec_file.file(name) for name in _DATA_FILES}
    return {name: _data_file(path, n_rows.get(_DATA_FILES[name], 0)) for name, path in found.items() if path}


def hash_file(path: Path) -> str:
    """Return a file's SHA-256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def today() -> date:
    """Return the day against which end dates are held."""
    return datetime.now(UTC).date()


def _data_file(path: Path, n_rows: int) -> DataFile:
    try:
        stamp = _stamp(path)
        return DataFile(path, hash_file(path), stamp[1], n_rows, stamp)
    except OSError as error:
        raise InvalidInputError(
            f"data file '{path.name}' cannot be read: {error.strerror}", "check its permissions"
        ) from error


def _stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _refuses(finding: Finding) -> bool:
    return finding.level is Level.ERROR


def _hidden_by(
    allowed: Sequence[Finding], spec_file: SpecFile, profile: Profile, home: Home
) -> tuple[Finding, ...]:
    """Find the model's own end behind the platform's: the fit check stops at the first of the two."""
    if not any(finding.code == "RFT405" for finding in allowed):
        return ()
    open_profile = msgspec.structs.replace(profile, ends_on=None)
    profiles = load_profiles(home.profiles)
    fit = Fit(spec_file, open_profile, profiles, today(), home.judges)
    known = {(finding.code, finding.place) for finding in allowed}
    return tuple(f for f in fit.check() if _refuses(f) and (f.code, f.place) not in known)
