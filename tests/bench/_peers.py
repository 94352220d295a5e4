"""Peers to measure against, installed at first use into a cache folder outside the repository."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CACHE = user_cache_path("rftctl-bench")


def npm_peer(package: str, version: str) -> Path | None:
    """Give the program of an npm package; None, and a line saying why, when it cannot be had."""
    program = CACHE / package / "node_modules" / ".bin" / package
    if program.exists():
        return program
    if shutil.which("npm") is None:
        return _absent(package, "npm is not installed")
    program.parents[2].mkdir(parents=True, exist_ok=True)
    options = ["--no-audit", "--no-fund", "--prefix", str(program.parents[2])]
    return _installed(["npm", "install", *options, f"{package}@{version}"], package, program)


def pip_peer(package: str) -> Path | None:
    """Give a Python that has a package; None, and a line saying why, when it cannot be had."""
    folder = CACHE / f"python-{package}"
    python = folder / "bin" / "python"
    if (folder / "ready").exists():
        return python
    if _installed([sys.executable, "-m", "venv", str(folder)], package, python) is None:
        return None
    found = _installed([str(python), "-m", "pip", "install", "-q", package], package, python)
    if found is not None:
        (folder / "ready").touch()
    return found


def _installed(command: list[str], package: str, program: Path) -> Path | None:
    say(f"installing {package}: {' '.join(Path(part).name for part in command[:3])} …")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not program.exists():
        return _absent(package, (done.stderr.strip().splitlines() or ["it did not install"])[-1])
    return program


def _absent(package: str, reason: str) -> None:
    say(f"{package} is left out: {reason}")


def cpu_ratios(
    ways: Mapping[str, Callable[[], object]], against: str, rounds: int = 9
) -> dict[str, tuple[float, float]]:
    """Time each way in turn; way -> (median CPU seconds, median of its speed over `against` per round)."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.process_time()
            way()
            seconds[name].append(time.process_time() - start)
    return {
        name: (
            statistics.median(taken),
            statistics.median(base / own for base, own in zip(seconds[against], taken, strict=True)),
        )
        for name, taken in seconds.items()
    }


def say(line: str) -> None:
    """Print one line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
