"""Run benchmarks: `python -m tests.bench [NAME ...]`; without a name, every quick one.

Each prints ratios against a peer or a limit measured in the same run. Nothing here fails a build.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).parent
QUICK = ("startup", "sandbox_overhead", "validate_rows")


def main() -> None:
    """Run the benchmarks that were named."""
    for name in sys.argv[1:] or QUICK:
        path = HERE / f"{name}.py"
        if not path.exists():
            raise SystemExit(
                f"there is no benchmark '{name}': {sorted(p.stem for p in HERE.glob('[a-z]*.py'))}"
            )
        sys.stdout.write(f"\n== {name}\n")
        sys.stdout.flush()
        sys.argv = [str(path)]
        runpy.run_path(str(path), run_name="__main__")


if __name__ == "__main__":
    main()
