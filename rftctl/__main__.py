"""The console script: `--version` at once, everything else through the command line in `cli`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run rftctl and exit with its code."""
    if sys.argv[1:] == ["--version"]:
        # Answered before any framework is imported: scripts ask this often.
        from rftctl import __version__

        sys.stdout.write(f"rftctl {__version__}\n")
        return
    from rftctl.cli import run_cli

    sys.exit(run_cli(sys.argv[1:]))


if __name__ == "__main__":
    main()
