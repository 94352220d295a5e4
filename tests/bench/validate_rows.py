"""How fast a dataset is validated, as a share of a bare msgspec decode loop over the same file.

CPU time, best of ROUNDS, alternating in one process; rows of about 1 kB. Memory is what the check
itself allocates at its peak, measured in a run of its own.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
import tracemalloc
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from rftctl.commands.updates import finish
from rftctl.dataset.check import DataRules, check_dataset
from rftctl.dataset.log import FindingLog
from rftctl.strict_jsonl import read_json_lines
from rftctl.template import parse_template

if TYPE_CHECKING:
    from collections.abc import Callable

N_ROWS = 200_000
ROUNDS = 3
AIM = 0.4
TEXT = "the patient was admitted with acute pain, which in 2019 led to a treatment; see note"
STYLES = {"json.dumps": (", ", ": "), "compact": (",", ":")}
RULES = DataRules(reads=parse_template("{{item.code}} {{item.chapter}}").paths)


def write_rows(path: Path, separators: tuple[str, str]) -> None:
    """Write N_ROWS different rows, the same ones every time."""
    choose, words = random.Random(0).choices, TEXT.split()
    with path.open("w") as stream:
        for n in range(N_ROWS):
            text = " ".join(choose(words, k=160))
            messages = [
                {"role": "developer", "content": "Answer with the code only."},
                {"role": "user", "content": text},
            ]
            row = {
                "messages": messages,
                "code": f"A{n % 977:03d}",
                "chapter": f"chapter {n % 21}",
                "tier": n % 3,
            }
            stream.write(json.dumps(row, separators=separators) + "\n")


def decode_only(path: Path) -> None:
    """Decode every line and do nothing with it: the limit."""
    decode = msgspec.json.Decoder().decode
    with path.open("rb") as stream:
        for line in stream:
            decode(line)


def read_strictly(path: Path) -> None:
    """Read every line with all refusals."""
    for _ in read_json_lines(path):
        pass


def validate_all(path: Path) -> None:
    """Check every row as `rftctl validate` does."""
    log = FindingLog()
    finish(check_dataset(path, split="training", log=log, rules=RULES))
    assert log.kept == (), log.kept


def cpu_seconds(work: Callable[[], None]) -> float:
    """Time one call in CPU seconds."""
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(path: Path, style: str) -> None:
    """Print the rates over one file."""
    ways = {"decode only": decode_only, "read strictly": read_strictly, "validate": validate_all}
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, way in ways.items():
            best[name] = min(best[name], cpu_seconds(partial(way, path)))
    for name, seconds in best.items():
        aim = f" (aim >= {AIM})" if name == "validate" else ""
        share = best["decode only"] / seconds
        sys.stdout.write(f"{style:10} {name:14} {N_ROWS / seconds:9,.0f} rows/s  x {share:.2f}{aim}\n")


def main() -> None:
    """Measure both ways of writing JSON and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        for style, separators in STYLES.items():
            path = Path(folder) / f"{style}.jsonl"
            write_rows(path, separators)
            measure(path, style)
        tracemalloc.start()
        validate_all(path)
        sys.stdout.write(
            f"validate allocates {tracemalloc.get_traced_memory()[1] / 2**20:.0f} MiB at its peak\n"
        )


if __name__ == "__main__":
    main()
