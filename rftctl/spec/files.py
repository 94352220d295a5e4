"""Find the files a spec names, and put those a grader names into it.

In: the spec's folder and relative names from an untrusted file. Out: absolute paths of regular files
under the project's root, or findings. A symlink that leads outside, a device and a FIFO are refused.
"""

from __future__ import annotations

import difflib
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rftctl.finding import Finding, Level
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from rftctl.finding import Place
    from rftctl.strict_yaml import Key

    PlaceOf = Callable[..., Place]

MAX_INLINE_BYTES = 2**20
_SUFFIX = "_file"


def find_root(spec: Path) -> Path:
    """Name the folder that holds everything a spec may name: its repository, else its own folder."""
    folder = spec.resolve().parent
    for parent in (folder, *folder.parents):
        if (parent / ".git").exists() or (parent / "pyproject.toml").exists():
            return parent
    return folder


@dataclass(frozen=True, slots=True)
class FileFinder:
    """Resolve names relative to `folder`, never outside `root`."""

    folder: Path
    root: Path

    def find(self, name: str, place: Place) -> Path | Finding:
        """Resolve one name to a regular file, or say what is wrong with it."""
        shown = one_line(name)
        if "\0" in name:
            return _error("RFT130", place, f"file '{shown}' does not exist", "check the path")
        try:
            path = (self.folder / name).resolve()
            mode = path.stat().st_mode if path.is_relative_to(self.root) else 0
        except (FileNotFoundError, NotADirectoryError):
            return _error("RFT130", place, f"file '{shown}' does not exist", self._nearest(name))
        except (OSError, RuntimeError) as error:  # a loop of symlinks is a RuntimeError before 3.13
            reason = getattr(error, "strerror", None) or "its links go round in a circle"
            return _error("RFT132", place, f"file '{shown}' cannot be read: {reason}", "check the path")
        if not path.is_relative_to(self.root):
            hint = f"put it below '{self.root.name}', the folder that holds .git, pyproject.toml or the spec"
            return _error("RFT131", place, f"file '{shown}' lies outside the project", hint)
        if not stat.S_ISREG(mode):
            return _error("RFT132", place, f"file '{shown}' is not a regular file", "name a file")
        return path

    def read_text(self, name: str, place: Place) -> str | Finding:
        """Read a small text file that goes into the spec, such as a grader's source."""
        path = self.find(name, place)
        if isinstance(path, Finding):
            return path
        try:
            with path.open("rb") as stream:
                data = stream.read(MAX_INLINE_BYTES + 1)
            text = data.decode()
        except UnicodeDecodeError:
            return _error("RFT132", place, f"file '{one_line(name)}' is not UTF-8 text", "save it as UTF-8")
        except OSError as error:
            reason = f"file '{one_line(name)}' cannot be read: {error.strerror}"
            return _error("RFT132", place, reason, "check its permissions")
        if len(data) > MAX_INLINE_BYTES:
            return _error("RFT132", place, f"file '{one_line(name)}' is larger than 1 MiB", "make it smaller")
        return text

    def _nearest(self, name: str) -> str:
        wanted = Path(name)
        folder = self.folder / wanted.parent
        looked = "paths are relative to the spec's folder"
        if folder.resolve().is_relative_to(self.root) and folder.is_dir():
            names = [entry.name for entry in _entries(folder)]
            close = difflib.get_close_matches(wanted.name, names, n=1, cutoff=0.6)
            if close:
                return f"did you mean '{one_line(str(wanted.parent / close[0]))}'?"
        elsewhere = self._elsewhere(wanted.name)
        return f"did you mean '{one_line(elsewhere)}'? {looked}" if elsewhere else looked

    def _elsewhere(self, name: str) -> str:
        """Find a file of this name in the spec's folder or one level below it."""
        folders = [self.folder, *(entry for entry in _entries(self.folder) if entry.is_dir())]
        found = next((folder / name for folder in folders if (folder / name).is_file()), None)
        return "" if found is None else str(found.relative_to(self.folder))


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def inline_files(
    config: dict[str, Any], finder: FileFinder, place: PlaceOf, keys: tuple[Key, ...] = ("grader",)
) -> tuple[dict[str, Any], list[Finding]]:
    """Replace every `NAME_file: path` of a grader, at any depth, by `NAME: text of that file`."""
    findings: list[Finding] = []

    def inline(value: Any, keys: tuple[Key, ...]) -> Any:
        if isinstance(value, list):
            return [inline(part, (*keys, index)) for index, part in enumerate(value)]
        if not isinstance(value, dict):
            return value
        result: dict[str, Any] = {}
        for key, part in value.items():
            if not key.endswith(_SUFFIX) or not isinstance(part, str):
                result[key] = inline(part, (*keys, key))
                continue
            name = key.removesuffix(_SUFFIX)
            at = place(*keys, key)
            if name in value:
                findings.append(
                    _error("RFT133", at, f"'{name}' and '{key}' are both given", "keep one of the two")
                )
            text = finder.read_text(part, at)
            if isinstance(text, Finding):
                findings.append(text)
            result[name] = text if isinstance(text, str) else ""
        return result

    return inline(config, keys), findings


def named_files(config: Any, finder: FileFinder, place: PlaceOf, keys: tuple[Key, ...]) -> list[Path]:
    """List the files that the `*_file` keys of a grader name, at any depth, as far as they are there."""
    if isinstance(config, list):
        pairs: list[tuple[Key, Any]] = list(enumerate(config))
    else:
        pairs = list(config.items()) if isinstance(config, dict) else []
    found: list[Path] = []
    for key, part in pairs:
        if isinstance(key, str) and key.endswith(_SUFFIX) and isinstance(part, str):
            path = finder.find(part, place(*keys, key))
            found += [path] if isinstance(path, Path) else []
        else:
            found += named_files(part, finder, place, (*keys, key))
    return found


def _error(code: str, place: Place, message: str, hint: str) -> Finding:
    return Finding(code, Level.ERROR, place, message, hint)
