"""The samples that come with rftctl: a run spec, data, a grader and graded outputs each.

In: nothing. Out: where they lie, and their names. A wheel carries them inside the package; a checkout has
them beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rftctl.errors import UsageError


@dataclass(frozen=True, slots=True)
class ShippedSample:
    """One sample: its name, its run spec, the folder of its data, and the first line of its README."""

    name: str
    spec: Path
    folder: Path
    title: str


def shipped_samples() -> dict[str, ShippedSample]:
    """Return every sample by name, in alphabetical order; empty where none were installed."""
    root = _root()
    found = {}
    for folder in sorted((root / "samples").glob("*/")):
        spec = root / "configs" / f"{folder.name}.yaml"
        if spec.is_file():
            title = _title(folder / "README.md").removeprefix(f"{folder.name}: ")
            found[folder.name] = ShippedSample(folder.name, spec, folder, title)
    return found


def shipped_sample(name: str) -> ShippedSample:
    """Return one sample.

    Raises:
        UsageError: there is none of that name.
    """
    samples = shipped_samples()
    if name not in samples:
        known = ", ".join(samples) or "none in this installation"
        raise UsageError(f"there is no sample '{name}'", f"choose one of: {known}")
    return samples[name]


def _root() -> Path:
    package = Path(__file__).resolve().parent
    inside = package / "shipped_files"
    return inside if inside.is_dir() else package.parent


def _title(readme: Path) -> str:
    if not readme.is_file():
        return ""
    with readme.open(encoding="utf-8") as lines:
        return next(lines, "").lstrip("# ").strip()
