"""Run many command lines, each in a child forked after the imports; the ledger raises `CANARY_BUG`."""

from __future__ import annotations

import json
import os
import pkgutil
import signal
import sys
import threading
import time
from importlib import import_module

import rftctl
from rftctl.cli import run_cli
from rftctl.ledger import Ledger

AT_ONCE = 4
LIMIT_S = 40


def work(job: dict[str, object]) -> None:
    """Run one command line in this process, its streams in files."""
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(str(job[name]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    # What serves, or waits, is ended as a person would end it, then by force.
    is_server = job["arguments"][0] == "serve"  # type: ignore[index]
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    signal.alarm(3 if is_server else LIMIT_S)
    threading.Timer(LIMIT_S + 10, os._exit, [124]).start() if not is_server else None
    code = run_cli(list(job["arguments"]))  # type: ignore[call-overload]
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def broken(*_: object) -> None:
    """Stand for any bug that meets a key."""
    raise RuntimeError(os.environ["CANARY_BUG"])


def main() -> None:
    """Run the command lines that stdin holds as JSON, a few at once."""
    if os.environ.get("CANARY_BUG"):
        for name in ("runs", "run", "uploads", "lock"):
            setattr(Ledger, name, broken)
    # Imported once, before the forks, is what takes most of a command's time.
    for module in pkgutil.walk_packages(rftctl.__path__, "rftctl."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    waiting = json.load(sys.stdin)
    running: dict[int, tuple[float, str]] = {}
    while waiting or running:
        if waiting and len(running) < AT_ONCE:
            job = waiting.pop()
            if (child := os.fork()) == 0:
                work(job)
            running[child] = (time.monotonic(), " ".join(job["arguments"]))
        else:
            child, _ = os.wait()
            began, line = running.pop(child)
            sys.stdout.write(f"{time.monotonic() - began:6.1f} s  {line}\n")


main()
