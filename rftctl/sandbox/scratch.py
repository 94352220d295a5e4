"""The scratch folder of a call: small, its own, and empty again before the next call sees it.

In: a folder that untrusted code wrote to. Out: the folder, empty, or word that it cannot be had empty.
"""

from __future__ import annotations

import os
from itertools import islice

_MAX_FILES = 20_000
_MAX_WIPED, _MAX_DEPTH = 2_000, 16


def has_too_many_files(folder: str) -> bool:
    """Tell whether a folder on a file system of its own holds more files than a grader needs.

    Its size bounds the bytes of files, not their number, and each costs the kernel memory.
    """
    usage = os.statvfs(folder)
    return usage.f_files - usage.f_ffree > _MAX_FILES


def wipe(folder: str) -> bool:
    """Empty a folder; False when it is too deep, too full or too odd to be emptied quickly."""
    try:
        return _remove_entries(folder, _MAX_WIPED, _MAX_DEPTH) > 0
    except OSError:
        return False


def _remove_entries(folder: str, budget: int, depth: int) -> int:
    with os.scandir(folder) as scan:
        entries = list(islice(scan, budget + 1))
    if len(entries) > budget or depth <= 0:
        return 0
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            budget = _remove_entries(entry.path, budget, depth - 1)
            if budget <= 0:
                return 0
            os.rmdir(entry.path)  # noqa: PTH106 - keeps the worker's start lean
        else:
            os.unlink(entry.path)  # noqa: PTH108 - as above
        budget -= 1
    return budget
