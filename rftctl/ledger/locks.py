"""Locks that die with their process.

In: a lock's file. Out: a context that holds it. A lock file that nobody holds means nothing, however old it
is, so there is never a stale lock to judge or to steal.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rftctl.errors import BusyError
from rftctl.ledger.storage import storage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def hold_lock(path: Path, what: str) -> Iterator[None]:
    """Hold an OS lock.

    Args:
        what: what is going on, for the one who comes second.

    Raises:
        BusyError: another process holds it.
        StorageError: the folder cannot be written.
    """
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BusyError(
                f"another process is {what}{_holder(handle)}", "wait for it, then look: rftctl runs"
            ) from error
        _sign(handle)
        yield
    finally:
        os.close(handle)


def _sign(handle: int) -> None:
    # Only a courtesy to the one who comes second: the lock holds on a full disk too.
    with suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps({"pid": os.getpid(), "since": time.time()}).encode(), 0)


def _holder(handle: int) -> str:
    # The holder may be in the middle of writing it.
    try:
        who = json.loads(os.pread(handle, 1000, 0))
        since = time.strftime("%H:%M", time.localtime(float(who["since"])))
        return f" (process {int(who['pid'])}, since {since})"
    except (ValueError, KeyError, TypeError, OSError):
        return ""
