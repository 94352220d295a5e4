"""A scratch folder is empty for the next call, or given up."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rftctl.sandbox.scratch import wipe

if TYPE_CHECKING:
    from pathlib import Path


def test_files_and_folders_are_removed(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_text("x", encoding="utf-8")
    assert wipe(str(tmp_path))
    assert os.listdir(tmp_path) == []


def test_a_symlink_is_removed_and_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x", encoding="utf-8")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "link").symlink_to(kept)
    assert wipe(str(scratch))
    assert (kept / "file").exists()


def test_a_folder_too_deep_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "/".join("d" * 40)).mkdir(parents=True)
    assert not wipe(str(tmp_path))


def test_a_folder_too_full_is_given_up(tmp_path: Path) -> None:
    for number in range(2001):
        (tmp_path / str(number)).touch()
    assert not wipe(str(tmp_path))


def test_a_folder_that_is_gone_is_given_up(tmp_path: Path) -> None:
    assert not wipe(str(tmp_path / "gone"))
