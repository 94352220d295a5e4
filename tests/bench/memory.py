"""How much memory checking a dataset takes, from 0.2 to 4 GB: the aim is 64 MiB plus 16 bytes a row.

Each file is written to a temporary folder, checked in a process of its own and deleted. Base is the peak of
that process after its imports, before it opens the file; all checks are on. Name sizes to choose others:
`python -m tests.bench memory 0.2 1`.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench._peers import say

SIZES_GB = (0.2, 1.0, 4.0)
ROW_BYTES = 1_000
AIM_BASE_MIB, AIM_ROW_BYTES = 64, 16
TEXT = "amber birch cedar delta ember fjord grove heath islet jetty knoll larch mango north ocean plaza"

CHILD = """
import json, sys
from pathlib import Path
from rftctl.commands.updates import finish
from rftctl.dataset.check import DataRules, check_dataset
from rftctl.dataset.log import FindingLog
from rftctl.template import parse_template
import jsonlines, jsonschema

def peak():
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024

rules, log, base = DataRules(reads=parse_template("{{item.code}}").paths), FindingLog(), peak()
report = finish(check_dataset(Path(sys.argv[1]), split="training", log=log, rules=rules))
print(json.dumps([report.n_rows, base, peak(), dict(log.counts)]))
"""


def write_rows(path: Path, n_bytes: int) -> None:
    """Write different rows of about ROW_BYTES, with a repeated one now and then."""
    choose = random.Random(0).choices
    texts = [" ".join(choose(TEXT.split(), k=140)) for _ in range(997)]
    written = n = 0
    with path.open("wb") as stream:
        while written < n_bytes:
            number = n - 1 if n % 100_003 == 5 else n
            prompt = json.dumps(f"case {number}: {texts[number % 997]}")
            row = f'{{"messages": [{{"role": "user", "content": {prompt}}}], "code": "A{number % 977}"}}\n'
            written += stream.write(row.encode())
            n += 1


def measure(size_gb: float, folder: Path) -> bool:
    """Check one file and print a line; tells whether the aim is met."""
    path = folder / "rows.jsonl"
    write_rows(path, int(size_gb * 1e9))
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, check=True
    )
    n_rows, base, peak, counts = json.loads(done.stdout)
    path.unlink()
    over, mib = peak - base, 2**20
    bound = AIM_BASE_MIB * mib + AIM_ROW_BYTES * n_rows
    say(
        f"{size_gb:4} GB {n_rows:10,} rows  base {base / mib:4.0f} MiB  over it {over / mib:6.1f} MiB"
        f"  = {over / n_rows:5.1f} bytes a row  bound {bound / mib:5.0f} MiB"
        f"  {'met' if over <= bound else 'MISSED'}  {time.monotonic() - start:4.0f} s  {counts}"
    )
    return over <= bound


def main() -> None:
    """Measure every size that fits on the disk."""
    with tempfile.TemporaryDirectory() as name:
        for size_gb in [float(size) for size in sys.argv[1:]] or SIZES_GB:
            if shutil.disk_usage(name).free < 1.5e9 * size_gb:
                say(f"{size_gb:4} GB left out: the disk is too full")
            else:
                measure(size_gb, Path(name))


if __name__ == "__main__":
    main()
