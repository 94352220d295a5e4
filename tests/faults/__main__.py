"""Every attack on launch, one after another: `python -m tests.faults`, or with FAULTS=long all of it.

In: the environment. Out: the figures of kills, races, a failing disk and the fault matrix; 1 on a violation.
"""

from __future__ import annotations

import os
import subprocess
import sys

SHORT = {
    "kills": ["--kills", "120", "--commands", "4", "--points", "16", "--races", "12", "--hidden", "3"],
    "storage": ["--every", "12"],
    "matrix": ["--share", "0.02"],
}
LONG = {
    "kills": ["--kills", "10000", "--commands", "200", "--points", "1", "--races", "1000", "--hidden", "60"],
    "storage": ["--every", "1"],
    "matrix": ["--share", "1"],
}


def main() -> int:
    """Run each attack in a process of its own and return 1 if anything was violated."""
    forms = LONG if os.environ.get("FAULTS") == "long" else SHORT
    codes = [
        subprocess.run([sys.executable, "-m", f"tests.faults.{name}", *arguments], check=False).returncode
        for name, arguments in forms.items()
    ]
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
