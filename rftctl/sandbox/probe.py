"""Whether a level holds on this machine, found out by trying to break it.

In: how to start a worker. Out: "" when every forbidden act failed, else what went wrong.
Looking for a program or a kernel version would not do: security modules refuse what both would allow.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rftctl.errors import NotOfferedError
from rftctl.sandbox.process import GraderProcess

if TYPE_CHECKING:
    from rftctl.sandbox.channel import Launch

_ACTS = (
    "read a file",
    "write a file",
    "open a socket",
    "start a process",
    "signal its parent",
    "see the key",
)

_SOURCE = """
import os, socket

def grade(sample, item):
    def environments():
        for name in os.listdir("/proc"):
            if name.isdigit() and item["secret"] in open(f"/proc/{name}/environ").read():
                return True
        raise PermissionError
    def fork():
        if os.fork() == 0:
            os._exit(0)
    acts = [
        lambda: open(item["file"]).read(),
        lambda: open(item["file"] + ".new", "w"),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        fork,
        lambda: os.kill(os.getppid(), 0),
        environments,
    ]
    done = 0
    for number, act in enumerate(acts):
        try:
            act()
        except OSError:
            continue
        done |= 1 << number
    return done
"""


def self_test(launch: Launch) -> str:
    """Start a worker and have it try six forbidden acts.

    Returns:
        "" when all of them failed and the answer came back; else what went wrong, one line.
    """
    with tempfile.TemporaryDirectory(prefix="rftctl-probe-") as folder:
        target = Path(folder) / "private.txt"
        target.write_text("private", encoding="utf-8")
        try:
            with GraderProcess(launch, _SOURCE) as process:
                (result,) = process.call_batch([({}, {"file": str(target), "secret": "RFTCTL_PROBE"})])
        except NotOfferedError as error:
            return error.message.partition(": ")[2] or error.message
    if result.value is None:
        return f"its self-test gave {result.status}: {result.detail}"
    done = [act for number, act in enumerate(_ACTS) if int(result.value) >> number & 1]
    return f"code in it could {', '.join(done)}" if done else ""


def starts(launch: Launch) -> str:
    """Start a worker and have it answer; returns "" when it did, else what went wrong."""
    try:
        with GraderProcess(launch, "def grade(sample, item): return item['n']") as process:
            (result,) = process.call_batch([({}, {"n": 1})])
    except NotOfferedError as error:
        return error.message
    return "" if result.value == 1.0 else result.detail
