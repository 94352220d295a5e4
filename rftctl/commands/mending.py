"""Correct the lines of a file where there is exactly one right answer.

In: lines of JSON or of text, as bytes. Out: the corrected lines, and what was done to which. Everything
else of a line stays as it was, byte for byte; what has no single right answer is left for its owner.
"""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from rftctl.strict_jsonl import BadLine, decode

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOWN_PER_KIND = 20
BOM = b"\xef\xbb\xbf"

# A comma that a bracket follows, or the end of the line; strings are matched first and kept.
_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|(?<![\[{,])(,)(?=\s*[}\]])|(,)(?=\s*$)')
_ROLE = re.compile(rb'("role"\s*:\s*)"(system|developer)"')
_LINE = re.compile(rb'("line"\s*:\s*)([0-9]+)')


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing that was done: what, and to which line of the original file."""

    kind: str
    path: str
    line: int
    detail: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the repair as a flat dict."""
        return {"kind": self.kind, "path": self.path, "line": self.line, "detail": self.detail}


@dataclass
class RepairLog:
    """Keeps the first repairs of each kind in each file and counts them all."""

    kept: list[Repair] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _seen: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, kind: str, path: str, line: int, detail: str = "") -> None:
        """Take one repair."""
        self.counts[kind] += 1
        self._seen[kind, path] += 1
        if self._seen[kind, path] <= SHOWN_PER_KIND:
            self.kept.append(Repair(kind, path, line, detail))


@dataclass
class LineMap:
    """Where the lines of a file went: some were dropped, some said the same as an earlier one."""

    dropped: list[int] = field(default_factory=list)
    same_as: dict[int, int] = field(default_factory=dict)

    def new_number(self, line: int) -> int:
        """Return the number that a line of the original has in the copy."""
        line = self.same_as.get(line, line)
        return line - bisect_left(self.dropped, line)


@dataclass
class TextMender:
    """Mends text: byte order mark, line ends and, where asked, the newline at the end."""

    path: str
    log: RepairLog
    needs_final_newline: bool = True

    def mend(self, number: int, line: bytes) -> bytes:
        """Return a corrected line of text."""
        if number == 1 and line.startswith(BOM):
            self.log.add("byte order mark removed", self.path, 1)
            line = line.removeprefix(BOM)
        if line.endswith(b"\r\n"):
            self.log.add("line end made \\n", self.path, number)
            line = line[:-2] + b"\n"
        if self.needs_final_newline and line and not line.endswith(b"\n"):
            self.log.add("final newline added", self.path, number)
            line += b"\n"
        return line


@dataclass
class RowMender:
    """Mends JSON Lines: text, blank lines, trailing commas; in datasets duplicates and roles, too.

    Memory grows by a digest a row, never with the rows.

    Args:
        role: the role to replace in prompts and the one to put there, or None.
        are_rows: it is a dataset: equal rows are dropped.
        moved: where the lines of the training file went, for cases that name them.
    """

    path: str
    log: RepairLog
    role: tuple[str, str] | None = None
    are_rows: bool = True
    moved: LineMap | None = None
    lines: LineMap = field(default_factory=LineMap)
    _rows: dict[bytes, int] = field(default_factory=dict)

    def mend(self, number: int, line: bytes) -> bytes:
        """Return a corrected line; b"" where it is dropped."""
        line = TextMender(self.path, self.log).mend(number, line)
        if not line.strip():
            return self._drop(number, "blank line dropped")
        row = _read(line)
        if row is None:
            line = self._without_trailing_commas(number, line)
            row = _read(line)
        if row is None:
            return line
        if self.are_rows:
            line = self._with_role(number, line, row)
            return self._once(number, line)
        return self._renumbered(number, line, row)

    def _drop(self, number: int, kind: str, detail: str = "") -> bytes:
        self.lines.dropped.append(number)
        self.log.add(kind, self.path, number, detail)
        return b""

    def _without_trailing_commas(self, number: int, line: bytes) -> bytes:
        try:
            text = line.decode()
        except UnicodeDecodeError:
            return line
        mended = _TRAILING_COMMA.sub(lambda match: match.group(1) or "", text).encode()
        if mended == line or _read(mended) is None:
            return line
        self.log.add("trailing comma removed", self.path, number)
        return mended

    def _with_role(self, number: int, line: bytes, row: dict[str, Any]) -> bytes:
        messages = row.get("messages")
        if self.role is None or not isinstance(messages, list):
            return line
        old, new = self.role
        changed = [m for m in messages if isinstance(m, dict) and m.get("role") == old]
        if not changed:
            return line
        self.log.add(f"role '{old}' made '{new}'", self.path, number)
        named = [match for match in _ROLE.finditer(line) if match.group(2).decode() == old]
        if len(named) == len(changed):
            return _ROLE.sub(lambda match: _put(match, old, new), line)
        # The words stand elsewhere in the row as well, or are escaped: write the row anew.
        for message in changed:
            message["role"] = new
        return json.dumps(row, ensure_ascii=False).encode() + b"\n"

    def _once(self, number: int, line: bytes) -> bytes:
        encoded = msgspec.json.encode(_read(line), order="sorted")
        first = self._rows.setdefault(hashlib.blake2b(encoded, digest_size=16).digest(), number)
        if first == number:
            return line
        self.lines.same_as[number] = first
        return self._drop(number, "duplicate row dropped", f"the same as line {first}")

    def _renumbered(self, number: int, line: bytes, row: dict[str, Any]) -> bytes:
        old = row.get("line")
        new = self.moved.new_number(old) if self.moved is not None and type(old) is int else old
        if new == old:
            return line
        self.log.add("line number corrected", self.path, number, f"{old} is now {new}")
        if len(_LINE.findall(line)) == 1:
            return _LINE.sub(lambda match: match.group(1) + str(new).encode(), line)
        return json.dumps({**row, "line": new}, ensure_ascii=False).encode() + b"\n"


Mender: TypeAlias = TextMender | RowMender


def role_change(roles: tuple[str, ...]) -> tuple[str, str] | None:
    """Say which role a provider's rows want in the place of which other, if it takes only one of the two."""
    takes: Mapping[str, bool] = {role: role in roles for role in ("system", "developer")}
    if takes["developer"] and not takes["system"]:
        return "system", "developer"
    return ("developer", "system") if takes["system"] and not takes["developer"] else None


def _put(match: re.Match[bytes], old: str, new: str) -> bytes:
    is_old = match.group(2).decode() == old
    return match.group(1) + f'"{new}"'.encode() if is_old else match.group()


def _read(line: bytes) -> dict[str, Any] | None:
    """Read a line strictly; None where anything at all is wrong with it."""
    try:
        return decode(line)
    except (BadLine, UnicodeDecodeError):
        return None
