"""How long the command takes to start, as multiples of `python -c pass` in the same run.

CPU time (user and system) of whole processes, median of SAMPLES, alternating.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

SAMPLES = 9
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "--version": ["-m", "rftctl", "--version"],
    "--help": ["-m", "rftctl", "--help"],
    "watch --help": ["-m", "rftctl", "watch", "--help"],
    "runs": ["-m", "rftctl", "runs"],
    "explain RFT204": ["-m", "rftctl", "explain", "RFT204"],
}
LIMITS = {"--version": 1.5, "--help": 12.0, "runs": 20.0, "explain RFT204": 20.0}


def cpu_seconds(arguments: list[str], home: str) -> float:
    """Run one Python process and return its CPU seconds."""
    before = os.times()
    subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "RFTCTL_HOME": home},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as home:
        times = {name: [cpu_seconds(arguments, home)] for name, arguments in COMMANDS.items()}
        for _ in range(SAMPLES):
            for name, arguments in COMMANDS.items():
                times[name].append(cpu_seconds(arguments, home))
    base = statistics.median(times["python -c pass"][1:])
    for name, measured in times.items():
        median = statistics.median(measured[1:])
        limit = f" (aim <= {LIMITS[name]:g})" if name in LIMITS else ""
        sys.stdout.write(f"{name:18} {median * 1000:7.1f} ms CPU  x {median / base:5.1f}{limit}\n")


if __name__ == "__main__":
    main()
