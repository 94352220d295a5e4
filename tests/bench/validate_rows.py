"""How fast a dataset is validated, beside a bare msgspec decode loop and together's file check.

200,000 rows of about 1 kB, written three ways. CPU seconds, each way in turn, ROUNDS times; the figure is
the median over the rounds of the ratio within a round. The peer runs in an environment of its own and says
its own CPU time, without its imports. Aims: validate >= 0.4 x decode only, >= 1.5 x together.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import statistics
import subprocess
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from rftctl.commands.updates import finish
from rftctl.dataset.check import DataRules, check_dataset
from rftctl.dataset.log import FindingLog
from rftctl.dataset.near import NEAR_ROWS
from rftctl.dataset.tokens import O200K, TokenRules
from rftctl.strict_jsonl import read_json_lines
from rftctl.template import parse_template
from tests.bench._peers import pip_peer, say

if TYPE_CHECKING:
    from collections.abc import Callable

N_ROWS = 200_000
TEXT_CHARS = 860
ROUNDS = 3
PLAIN = "the patient was admitted with acute pain, which in 2019 led to a treatment; see note"
ESCAPED = 'the "patient" was admitted:\nacute pain - in 2019\nled_to a "treatment"; see note K-7 (naïve)'
STYLES = {
    "json.dumps": (PLAIN, (", ", ": ")),
    "compact": (PLAIN, (",", ":")),
    "escapes": (ESCAPED, (", ", ": ")),
}
RULES = DataRules(reads=parse_template("{{item.code}} {{item.chapter}}").paths, near_rows=0)
EVERYTHING = replace(RULES, near_rows=NEAR_ROWS)
COUNTED = replace(RULES, tokens=TokenRules(O200K, 200_000))
PEER = """
import sys, time
from together.lib.utils.files import check_file
start = time.process_time()
report = check_file(sys.argv[1])
print(time.process_time() - start)
assert report["is_check_passed"], report
"""


def write_rows(path: Path, text: str, separators: tuple[str, str]) -> None:
    """Write N_ROWS different rows, the same ones every time."""
    choose, words = random.Random(0).choices, text.split(" ")
    with path.open("w") as stream:
        for n in range(N_ROWS):
            messages = [
                {"role": "developer", "content": "Answer with the code only."},
                {"role": "user", "content": " ".join(choose(words, k=TEXT_CHARS * len(words) // len(text)))},
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


def validate(path: Path, rules: DataRules = RULES) -> None:
    """Check every row as `rftctl validate` does."""
    log = FindingLog()
    finish(check_dataset(path, split="training", log=log, rules=rules))
    assert log.kept == (), log.kept


def cpu_seconds(work: Callable[[Path], None], path: Path) -> float:
    """Time one call in CPU seconds."""
    start = time.process_time()
    work(path)
    return time.process_time() - start


def peer_seconds(python: Path, path: Path) -> float:
    """Let the peer check the file; it tells its CPU seconds."""
    command = [str(python), "-c", PEER, str(path)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def measure(path: Path, style: str, peer: Path | None) -> None:
    """Print the rates over one file, and the ratios within the rounds."""
    ways: dict[str, Callable[[Path], float]] = {
        "decode only": partial(cpu_seconds, decode_only),
        "read strictly": partial(cpu_seconds, read_strictly),
        "validate": partial(cpu_seconds, validate),
        "+ near copies": partial(cpu_seconds, partial(validate, rules=EVERYTHING)),
        "+ tokens": partial(cpu_seconds, partial(validate, rules=COUNTED)),
    }
    if peer is not None:
        ways["together"] = partial(peer_seconds, peer)
    rounds = [{name: way(path) for name, way in ways.items()} for _ in range(ROUNDS)]
    for name in ways:
        taken = statistics.median(one[name] for one in rounds)
        line = f"{style:10} {name:14} {N_ROWS / taken:9,.0f} rows/s"
        for base in ("decode only", "together"):
            if base in ways:
                ratio = statistics.median(one[base] / one[name] for one in rounds)
                line += f"  {ratio:5.2f} x {base}"
        say(line)


def two_cores(path: Path) -> None:
    """Compare one process with two that check half of the rows each: the most that a pool could bring."""
    lines = path.read_bytes().splitlines(keepends=True)
    halves = [path.with_suffix(f".{n}.jsonl") for n in range(2)]
    for n, half in enumerate(halves):
        half.write_bytes(b"".join(lines[n * N_ROWS // 2 : (n + 1) * N_ROWS // 2]))
    del lines
    start = time.monotonic()
    validate(path)
    alone = time.monotonic() - start
    start = time.monotonic()
    workers = [multiprocessing.get_context("fork").Process(target=validate, args=(half,)) for half in halves]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    say(f"two cores: {alone:.2f} s of wall time in one process, {time.monotonic() - start:.2f} s in two")


def main() -> None:
    """Measure every way of writing JSON and print the table."""
    peer = pip_peer("together")
    with tempfile.TemporaryDirectory() as folder:
        for style, (text, separators) in STYLES.items():
            path = Path(folder) / f"{style}.jsonl"
            write_rows(path, text, separators)
            say(f"{style:10} {path.stat().st_size / N_ROWS:.0f} bytes a row")
            measure(path, style, peer)
        two_cores(Path(folder) / "json.dumps.jsonl")


if __name__ == "__main__":
    main()
