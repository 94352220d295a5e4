"""How a finding's file is named for a machine that knows the repository, and not this folder.

In: a finding's place. Out: its path from the repository's root, or None where it is no file below it.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rftctl.finding import Place


def repository_path(place: Place) -> PurePosixPath | None:
    """Name a place's file relative to the repository; None for a setting or a file outside of it."""
    if place.path.startswith("--set"):
        return None
    path, root = Path(os.path.normpath(Path.cwd() / place.path)), repository_root(Path.cwd())
    return PurePosixPath(path.relative_to(root).as_posix()) if path.is_relative_to(root) else None


@lru_cache(maxsize=8)
def repository_root(folder: Path) -> Path:
    """Name the folder that holds .git, at or above this one; without any, the folder itself."""
    return next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), folder)
