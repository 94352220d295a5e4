"""A little disk space kept back for the moment when there is none left.

In: the ledger's path. Out: a file whose removal makes room for one more fact: the id of a job just created.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

RESERVE_BYTES = 256 << 10


def keep_reserve(ledger: Path) -> None:
    """Put the reserve beside a ledger, if the disk has room for it."""
    path = _path(ledger)
    if path.exists():
        return
    try:
        path.touch(mode=0o600)
        # Random bytes: a file system that packs or shares zeros would hold nothing back.
        path.write_bytes(os.urandom(RESERVE_BYTES))
    except OSError:
        release_reserve(ledger)


def release_reserve(ledger: Path) -> bool:
    """Give the reserve back; returns whether there was one."""
    try:
        _path(ledger).unlink()
    except OSError:
        return False
    return True


def _path(ledger: Path) -> Path:
    return ledger.with_name(f"{ledger.stem}.reserve")
