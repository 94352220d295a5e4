"""Fuzz the readers and `validate`: `python -m tests.fuzz [--inputs N] [--only NAME] [--seed N]`.

Each form runs in a process of its own, one after another, and its figures are printed: inputs, inputs a
second, slowest input, peak memory, failures. Exit 1 on any failure; each failing input lies in a file.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fuzz.forms import FORMS, Form
from tests.fuzz.watch import MAX_MEMORY_MB, Figures, last_input, say

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_INPUTS = 20_000
STALLED_S = 120
_ROW = "{:<20} {:>9} {:>8} {:>9} {:>9} {:>8} {:>9}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the forms that were asked for and return 1 if anything failed."""
    options = _options(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    forms = [form for form in FORMS if options.only in form.name]
    total = sum(form.share for form in forms)
    say(_ROW.format("form", "inputs", "per s", "accepted", "slowest", "peak", "failures"))
    all_figures = []
    for form in forms:
        figures = _run(form, max(100, round(options.inputs * form.share / total)), options)
        say(_line(figures))
        all_figures.append(figures)
    return _verdict(all_figures, options.out)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    inputs = int(os.environ.get("FUZZ_INPUTS") or DEFAULT_INPUTS)
    parser.add_argument("--inputs", type=int, default=inputs, help="inputs of all forms together")
    parser.add_argument("--only", default="", help="forms whose name holds this")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(".fuzz"), help="where failing inputs go")
    return parser.parse_args(arguments)


def _run(form: Form, inputs: int, options: argparse.Namespace) -> Figures:
    result = options.out / f"{form.name}.json"
    result.unlink(missing_ok=True)
    (options.out / f"{form.name}.current").unlink(missing_ok=True)
    command = [sys.executable, "-m", form.module, form.argument, str(inputs), str(options.out)]
    with (options.out / f"{form.name}.log").open("wb") as log:
        child = subprocess.Popen([*command, str(options.seed)], stdout=log, stderr=log)
        stalled = _wait(child, form.name, options.out)
    figures = Figures(**json.loads(result.read_text())) if result.exists() else Figures(form.name)
    if figures.n_inputs >= inputs:
        return _with_limits(figures)
    return _died(figures, options.out, "it hangs" if stalled else f"exit {child.returncode}")


def _wait(child: subprocess.Popen[bytes], name: str, folder: Path) -> bool:
    """Wait for a child; one that stays at the same input is killed."""
    seen, since = -1, time.monotonic()
    while True:
        try:
            child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            count = _count(folder, name)
            if count != seen:
                seen, since = count, time.monotonic()
            elif time.monotonic() - since > STALLED_S:
                child.kill()
                child.wait()
                return True
        else:
            return False


def _count(folder: Path, name: str) -> int:
    try:
        return last_input(folder, name)[0]
    except (OSError, ValueError):
        return 0


def _died(figures: Figures, folder: Path, how: str) -> Figures:
    """Say how a child ended before its time, and save the input it was at."""
    name = figures.name
    figures.failures[f"the process ended: {how}; see {name}.log"] = 1
    try:
        figures.n_inputs, data = last_input(folder, name)
    except (OSError, ValueError):
        return figures
    (folder / f"{name}-last.bin").write_bytes(data)
    figures.saved.append(f"{name}-last.bin")
    return figures


def _with_limits(figures: Figures) -> Figures:
    if figures.peak_mb > MAX_MEMORY_MB:
        figures.failures[f"memory of {figures.peak_mb:.0f} MB"] = 1
    return figures


def _line(figures: Figures) -> str:
    rate = figures.n_inputs / figures.seconds if figures.seconds else 0.0
    accepted = f"{figures.n_accepted / max(1, figures.n_inputs):.0%}"
    slowest, peak = f"{figures.slowest_s * 1000:.0f} ms", f"{figures.peak_mb:.0f} MB"
    failures = sum(figures.failures.values())
    return _ROW.format(
        figures.name, f"{figures.n_inputs:,}", f"{rate:,.0f}", accepted, slowest, peak, f"{failures:,}"
    )


def _verdict(all_figures: Sequence[Figures], folder: Path) -> int:
    n_inputs = sum(figures.n_inputs for figures in all_figures)
    failures = {f"{f.name}: {kind}": count for f in all_figures for kind, count in f.failures.items()}
    for kind, count in failures.items():
        say(f"{count:,} x {kind}")
    for name in (name for figures in all_figures for name in figures.saved):
        say(f"saved {folder / name}")
    say(f"{n_inputs:,} inputs, {sum(failures.values()):,} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
