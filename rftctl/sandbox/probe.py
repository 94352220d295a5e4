"""Whether a level holds on this machine, found out by trying to break it.

In: how to start a worker. Out: "" when every forbidden act failed, else what went wrong.
Looking for a program or a kernel version would not do: security modules refuse what both would allow.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rftctl.errors import NotOfferedError
from rftctl.sandbox.level import SandboxLevel
from rftctl.sandbox.process import GraderProcess

if TYPE_CHECKING:
    from rftctl.sandbox.channel import Launch

_ACTS = (
    "read a file",
    "write a file",
    "open a socket",
    "start a process",
    "signal its parent",
    "see an environment",
    "see that a file exists",
    "share a namespace with its parent",
)
_N_CONFINED_ACTS = 6  # the others only namespaces prevent

_SOURCE = """
import os, socket

def grade(sample, item):
    def environments():
        for name in os.listdir("/proc"):
            if name.isdigit() and open(f"/proc/{name}/environ").read():
                return
        raise PermissionError
    def fork():
        if os.fork() == 0:
            os._exit(0)
    def shared():
        if not any(os.readlink(path) == link for path, link in item["namespaces"].items()):
            raise PermissionError
    acts = [
        lambda: open(item["file"]).read(),
        lambda: open(item["file"] + ".new", "w"),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        fork,
        lambda: os.kill(os.getppid(), 0),
        environments,
        lambda: os.stat(item["file"]),
        shared,
    ]
    done = 0
    for number, act in enumerate(acts[: item["n_acts"]]):
        try:
            act()
        except OSError:
            continue
        done |= 1 << number
    return done
"""


def self_test(launch: Launch) -> str:
    """Start a worker and have it try the acts that its level forbids.

    Returns:
        "" when all of them failed and the answer came back; else what went wrong, one line.
    """
    with tempfile.TemporaryDirectory(prefix="rftctl-probe-") as folder:
        target = Path(folder) / "private.txt"
        target.write_text("private", encoding="utf-8")
        n_acts = len(_ACTS) if launch.level is SandboxLevel.ISOLATED else _N_CONFINED_ACTS
        item = {"file": str(target), "namespaces": _namespaces(), "n_acts": n_acts}
        try:
            with GraderProcess(launch, _SOURCE) as process:
                (result,) = process.call_batch([({}, item)])
        except NotOfferedError as error:
            return error.message.partition(": ")[2] or error.message
    if result.value is None:
        return f"its self-test gave {result.status}: {result.detail}"
    done = [act for number, act in enumerate(_ACTS) if int(result.value) >> number & 1]
    return f"code in it could {', '.join(done)}" if done else ""


def _namespaces() -> dict[str, str]:
    paths = [Path("/proc/self/ns") / name for name in ("mnt", "net", "pid", "ipc")]
    return {str(path): str(path.readlink()) for path in paths if path.is_symlink()}


def starts(launch: Launch) -> str:
    """Start a worker and have it answer; returns "" when it did, else what went wrong."""
    try:
        with GraderProcess(launch, "def grade(sample, item): return item['n']") as process:
            (result,) = process.call_batch([({}, {"n": 1})])
    except NotOfferedError as error:
        return error.message
    return "" if result.value == 1.0 else result.detail
