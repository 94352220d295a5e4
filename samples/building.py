"""What every sample's build.py does alike: write rows and a manifest, or rebuild and compare.

In: a function that draws the rows of each split from a seed. Out: SPLIT.jsonl files and manifest.json beside
the build script, byte for byte the same every time. Standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Rows = list[dict[str, Any]]


def build_sample(
    script: str, build: Callable[[], Mapping[str, Rows]], *, seed: int, packages: Mapping[str, str]
) -> int:
    """Run a build script: write its files, or with --check rebuild them elsewhere and compare.

    Args:
        script: the build script's `__file__`.
        build: returns file stem -> rows, for `train`, `validation`, `test` and any quick subsets.
        packages: package -> the exact version that the rows are built from.
    """
    parser = argparse.ArgumentParser(description=f"Build the rows of {Path(script).resolve().parent.name}.")
    parser.add_argument("--check", action="store_true", help="rebuild in a temporary folder and compare")
    arguments = parser.parse_args()
    _check_packages(packages)
    here = Path(script).resolve().parent
    if not arguments.check:
        _write_all(here, here.name, build(), seed, packages)
        return 0
    # A copy under another name is still the sample that its manifest names.
    name = json.loads((here / "manifest.json").read_text(encoding="utf-8"))["sample"]
    with tempfile.TemporaryDirectory() as folder:
        names = _write_all(Path(folder), name, build(), seed, packages)
        differing = [n for n in names if (here / n).read_bytes() != (Path(folder) / n).read_bytes()]
    print("differing:", ", ".join(differing) if differing else "none")
    return 1 if differing else 0


def _check_packages(packages: Mapping[str, str]) -> None:
    for name, version in packages.items():
        installed = metadata.version(name)
        if installed != version:
            sys.exit(f"{name} is {installed!r}, the rows are built from {version!r}")


def _write_all(
    folder: Path, sample: str, files: Mapping[str, Rows], seed: int, packages: Mapping[str, str]
) -> list[str]:
    hashes = {f"{stem}.jsonl": _write_rows(folder / f"{stem}.jsonl", rows) for stem, rows in files.items()}
    manifest = {
        "sample": sample,
        "seed": seed,
        "packages": dict(packages),
        "rows": {f"{stem}.jsonl": len(rows) for stem, rows in files.items()},
        "sha256": hashes,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return [*hashes, "manifest.json"]


def _write_rows(path: Path, rows: Rows) -> str:
    body = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    path.write_bytes(body)
    return hashlib.sha256(body).hexdigest()
