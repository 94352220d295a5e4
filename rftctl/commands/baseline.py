"""Accept findings that are known, so that only new ones count.

In: findings with the lines they point into, and a baseline file. Out: which findings are accepted, which
entries no longer occur, and the file that accepts today's.
An entry is a fingerprint of the code, the file and the line's text: it survives lines inserted above it,
and ends when the line changes. Secrets and errors of provider and cost are never accepted: the first would
be sent, the second spend money or are refused after the upload, and both change under an unchanged line.
Notes refuse nothing and are always shown.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from rftctl.errors import InvalidInputError, StorageError
from rftctl.finding import Finding, Level, Place
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rftctl.commands.quotes import Quote

SCHEMA = "rftctl.baseline/1"
MAX_BYTES = 2**24
_SECRET_CODES = frozenset({"RFT136", "RFT242"})
_SPENDING = ("RFT4", "RFT5")
_NUMBER = re.compile(r"\d+")


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An accepted finding; `count` says how often it may occur, all but the fingerprint is for people."""

    fingerprint: str
    code: str
    path: str
    message: str
    count: int = 1


class _File(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    findings: list[Entry]


@dataclass(frozen=True)
class Baseline:
    """The findings that a team has accepted."""

    path: Path
    entries: tuple[Entry, ...] = ()
    _left: Counter[str] = field(default_factory=Counter, repr=False)

    def accepts(self, finding: Finding, fingerprint: str) -> bool:
        """Tell whether a finding is accepted, and count it as seen."""
        if not may_be_accepted(finding) or self._left[fingerprint] <= 0:
            return False
        self._left[fingerprint] -= 1
        return True

    def stale(self) -> list[Finding]:
        """Say which entries no longer occur, once all findings have been asked about."""
        return [self._stale(entry) for entry in self.entries if self._left[entry.fingerprint] >= entry.count]

    def _stale(self, entry: Entry) -> Finding:
        message = f"the baseline's {entry.code} in '{one_line(entry.path)}' no longer occurs"
        message += f": {one_line(entry.message)}"
        return Finding(
            "RFT152", Level.NOTE, Place.of(self.path), message, "take it out with --update-baseline"
        )


def may_be_accepted(finding: Finding) -> bool:
    """Tell whether a baseline may hold this finding."""
    if finding.level is Level.NOTE:
        return False
    is_spending = finding.level is Level.ERROR and finding.code.startswith(_SPENDING)
    return finding.code not in _SECRET_CODES and not is_spending


def fingerprint(finding: Finding, quote: Quote | None, folder: Path) -> str:
    """Identify a finding by what it is about, and not by where the line stands today.

    Args:
        folder: the spec's, to which paths are relative, so that any current folder gives the same.
    """
    # A finding about a whole file has no line; its counts and dates change with every row.
    content = quote.digest if quote else _NUMBER.sub("#", finding.message)
    text = "\0".join((finding.code, relative_path(finding.place, folder), content))
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]


def relative_path(place: Place, folder: Path) -> str:
    """Name a finding's file relative to the spec's folder, with forward slashes."""
    if place.path.startswith("--set"):
        return place.path
    return Path(os.path.relpath(place.path, folder)).as_posix()


def read_baseline(path: Path) -> Baseline:
    """Read a baseline file.

    Raises:
        InvalidInputError: it cannot be read or is not one (RFT151).
    """
    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_BYTES else b"too large"
        content = msgspec.json.decode(data, type=_File)
    except OSError as error:
        raise _refusal(path, f"cannot be read: {error.strerror}", "make one with --update-baseline") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refusal(
            path, f"is not one: {one_line(str(error))}", "write it with --update-baseline"
        ) from None
    if content.schema != SCHEMA:
        raise _refusal(path, f"has the schema '{one_line(content.schema)}'", f"this version reads {SCHEMA}")
    left: Counter[str] = Counter()
    for entry in content.findings:
        left[entry.fingerprint] += entry.count
    return Baseline(path, tuple(content.findings), left)


def make_baseline(
    path: Path, findings: Iterable[Finding], quotes: Mapping[Place, Quote], folder: Path
) -> Baseline:
    """Write the baseline that accepts these findings, as far as they may be, and return it.

    Raises:
        StorageError: it cannot be written.
    """
    entries: dict[str, Entry] = {}
    for finding in findings:
        if not may_be_accepted(finding):
            continue
        key = fingerprint(finding, quotes.get(finding.place), folder)
        count = entries[key].count + 1 if key in entries else 1
        path_shown = relative_path(finding.place, folder)
        entries[key] = Entry(key, finding.code, path_shown, one_line(finding.message, limit=300), count)
    kept = sorted(entries.values(), key=lambda entry: (entry.path, entry.code, entry.fingerprint))
    document: dict[str, Any] = {"schema": SCHEMA, "findings": [msgspec.to_builtins(entry) for entry in kept]}
    _write(path, json.dumps(document, indent=2) + "\n")
    return Baseline(path, tuple(kept), Counter({entry.fingerprint: entry.count for entry in kept}))


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        reason = f"baseline '{path}' cannot be written: {error.strerror}"
        raise StorageError(reason, "name a file in a folder that exists and is yours") from error


def _refusal(path: Path, reason: str, hint: str) -> InvalidInputError:
    place = Place.of(path)
    message = f"baseline '{place.path}' {reason}"
    finding = Finding("RFT151", Level.ERROR, place, message, hint)
    return InvalidInputError(message, hint, findings=[finding])
