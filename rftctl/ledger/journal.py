"""The journal: every fact of the ledger once more, one line each, in a file of its own.

In: `Fact`. Out: the same facts, whatever became of the database. A line is on the disk before its transaction
commits, so the journal is never behind; a line that no transaction confirmed is taken up at the next open.
Only whoever holds the ledger's write transaction appends, so lines never mix.
It grows with what people do, a few kilobytes a run: events, which come by the thousand, lie at the provider
and are not repeated here. `runs purge` rewrites it.
"""

from __future__ import annotations

import json
import os
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rftctl.ledger.storage import sync

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

What = Literal["run", "entry", "upload", "upload-gone"]
_SUM_KEY = b',"sum":"'
_SUM_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened.

    Attributes:
        what: run (`data` holds its columns), entry, upload, or upload-gone.
        fact_id: the same in journal and database, so that a fact is taken up once.
        run_id: "" for uploads, which belong to no run.
        kind: of an entry: state, job, request, sending...
    """

    what: What
    fact_id: str
    at: float
    run_id: str
    kind: str
    data: dict[str, Any]


@dataclass(slots=True)
class Reading:
    """What a pass over the journal met; `n_unreadable` lines were torn or altered."""

    n_facts: int = 0
    n_unreadable: int = 0


class Journal:
    """The journal's file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def size(self) -> int:
        """Bytes it holds; 0 when there is none."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def append(self, facts: Iterable[Fact]) -> int:
        """Write facts and have them on the disk; returns the file's size after that.

        Raises:
            OSError: the disk is full or fails; nothing of these facts is left then, if the disk allows it.
        """
        with self._opened(os.O_WRONLY | os.O_APPEND | os.O_CREAT) as handle:
            start = os.fstat(handle).st_size
            lines = b"".join(map(to_line, facts))
            try:
                _write_all(handle, lines if self._ends_a_line(start) else b"\n" + lines)
                os.fsync(handle)
            except OSError:
                _cut_back(handle, start)
                raise
            end = os.fstat(handle).st_size
        if start == 0:
            sync(self.path.parent)
        return end

    def cut(self, size: int) -> None:
        """Take back what was appended after `size`: its transaction failed, so nobody was told of it."""
        with self._opened(os.O_WRONLY) as handle:
            _cut_back(handle, size)

    def replace(self, facts: Iterable[Fact]) -> int:
        """Write the whole journal anew, complete or not at all; returns its size."""
        fresh = Journal(self.path.with_name(self.path.name + ".unfinished"))
        fresh.path.unlink(missing_ok=True)
        with fresh._opened(os.O_WRONLY | os.O_CREAT | os.O_EXCL) as handle:
            for fact in facts:
                _write_all(handle, to_line(fact))
            os.fsync(handle)
            size = os.fstat(handle).st_size
        fresh.path.replace(self.path)
        sync(self.path.parent)
        return size

    def facts(self, start: int = 0, reading: Reading | None = None) -> Iterator[Fact]:
        """Read facts from byte `start` on, one line in memory at a time; unreadable lines are counted."""
        reading = reading or Reading()
        if not self.path.exists():
            return
        with self._opened(os.O_RDONLY) as handle, os.fdopen(os.dup(handle), "rb") as file:
            file.seek(start)
            for line in file:
                fact = read_line(line)
                if fact is not None:
                    reading.n_facts += 1
                    yield fact
                elif line.strip():
                    reading.n_unreadable += 1

    def _ends_a_line(self, size: int) -> bool:
        if size == 0:
            return True
        with self._opened(os.O_RDONLY) as handle:
            return os.pread(handle, 1, size - 1) == b"\n"

    @contextmanager
    def _opened(self, flags: int) -> Iterator[int]:
        # A link in place of the journal would have us write into a stranger's file.
        handle = os.open(self.path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            yield handle
        finally:
            os.close(handle)


def to_line(fact: Fact) -> bytes:
    """Write a fact as one line of ASCII JSON that ends in its own checksum."""
    body = json.dumps(
        {
            "fact": fact.what,
            "id": fact.fact_id,
            "at": fact.at,
            "run_id": fact.run_id,
            "kind": fact.kind,
            "data": fact.data,
        },
        separators=(",", ":"),
    ).encode()
    return body[:-1] + _SUM_KEY + _sum(body[:-1]) + b'"}\n'


def read_line(line: bytes) -> Fact | None:
    """Read one line; None when it is torn, altered, or says something that this version does not know."""
    body, tail = line[: -_SUM_LENGTH - 3], line[-_SUM_LENGTH - 3 :]
    if not body.endswith(_SUM_KEY) or not tail.endswith(b'"}\n'):
        return None
    body = body.removesuffix(_SUM_KEY)
    if _sum(body) != tail[:_SUM_LENGTH]:
        return None
    try:
        value = json.loads(body + b"}")
        return Fact(
            value["fact"], value["id"], value["at"], value["run_id"], value["kind"], dict(value["data"])
        )
    except (ValueError, KeyError, TypeError):
        return None


def _sum(body: bytes) -> bytes:
    return b"%08x" % zlib.crc32(body)


def _write_all(handle: int, data: bytes) -> None:
    # A disk that fills up takes a part and says so only at the next write.
    while data:
        data = data[os.write(handle, data) :]


def _cut_back(handle: int, size: int) -> None:
    # A disk that refuses this too leaves a torn line, which reading passes over.
    try:
        os.ftruncate(handle, size)
        os.fsync(handle)
    except OSError:
        return
