"""Run every act at one level as one user, and say what came of it: JSON on standard output.

A program of its own, so that it can be started as another user. It plants what the acts aim at: a key
in its environment, a private file, listeners, a neighbour process; and looks afterwards what they did.

Usage: driver.py LEVEL ACT...
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from rftctl.errors import NotOfferedError
from rftctl.sandbox import Limits, choose_sandbox
from rftctl.sandbox import worker as worker_module

LIMITS = Limits(time_s=1.0, memory_bytes=192 << 20, disk_bytes=2 << 20)
ACTS = Path(__file__).with_name("acts.py")
PLANTED = ("secret.txt", "doomed", "movable", "unix", "datagram")
RETURNING = ("act_return_", "act_nest")


def main() -> None:
    level, *acts = sys.argv[1:]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rftctl-acts-")))
        try:
            sandbox = stack.enter_context(choose_sandbox(level, limits=LIMITS, allow_unsafe=True))
        except NotOfferedError as error:
            sys.stdout.write(json.dumps({"unavailable": error.message}))
            return
        report: dict[str, Any] = {"description": sandbox.description}
        plot = Plot(folder, stack)
        process = stack.enter_context(sandbox.start(ACTS.read_text(encoding="utf-8")))
        report["acts"] = {act: attempt(process, plot, act) for act in acts}
        time.sleep(0.5)
        report["left_behind"] = plot.changes()
    sys.stdout.write(json.dumps(report))


def attempt(process: Any, plot: Plot, act: str) -> dict[str, Any]:
    sample = {"act": act, "returns_its_value": f"act_{act}".startswith(RETURNING)}
    (result,) = process.call_batch([(sample, plot.item)])
    (control,) = process.call_batch([({"act": "control"}, plot.item)])
    return {
        "value": result.value,
        "status": result.status,
        "detail": result.detail,
        "seconds": result.execution_time_s,
        "control": control.value,
        "changes": plot.changes(),
    }


class Plot:
    """What the acts aim at, and whether they reached it."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        self._reached: list[str] = []
        self._known: set[str] = set()
        for name in PLANTED[:3]:
            (folder / name).write_text("private", encoding="utf-8")
        key = os.environ["OPENAI_API_KEY"]
        self._victim = subprocess.Popen(["sleep", "600"])
        stack.callback(self._end_victim)
        self.item = {
            "dir": str(folder),
            "home": str(Path.home()),
            "key_file": str(folder / "secret.txt"),
            "worker_file": str(worker_module.__file__),
            "half": key[:8],
            "other_half": key[8:],
            "tag": folder.name,
            "parent_pid": os.getpid(),
            "victim_pid": self._victim.pid,
            "disk_bytes": LIMITS.disk_bytes,
            "abstract": folder.name,
            "unix_path": str(folder / "unix"),
            "datagram_path": str(folder / "datagram"),
            "tcp_port": self._listen("tcp", ("127.0.0.1", 0), socket.AF_INET),
            "http_port": self._listen("http", ("127.0.0.1", 0), socket.AF_INET),
            "udp_port": self._receive("udp", ("127.0.0.1", 0), socket.AF_INET),
        }
        self._listen("unix", str(folder / "unix"), socket.AF_UNIX)
        self._listen("abstract", "\0" + folder.name, socket.AF_UNIX)
        self._receive("datagram", str(folder / "datagram"), socket.AF_UNIX)

    def changes(self) -> list[str]:
        """Say what has been reached or changed since the last look."""
        found = set(self._reached)
        names = {path.name for path in self.folder.iterdir()}
        found |= {f"missing {name}" for name in PLANTED if name not in names}
        found |= {f"new {name}" for name in names if name not in PLANTED}
        secret = self.folder / "secret.txt"
        state = secret.stat()
        if secret.read_text(encoding="utf-8") != "private" or state.st_mtime < 1 or state.st_mode & 0o022:
            found.add("changed secret.txt")
        if self._victim.poll() is not None:
            found.add("victim ended")
        fresh, self._known = found - self._known, self._known | found
        return sorted(fresh)

    def _listen(self, name: str, address: Any, family: int) -> int:
        server = socket.socket(family)
        server.bind(address)
        server.listen()
        threading.Thread(target=self._note, args=(name, server.accept), daemon=True).start()
        return int(server.getsockname()[1]) if family == socket.AF_INET else 0

    def _receive(self, name: str, address: Any, family: int) -> int:
        receiver = socket.socket(family, socket.SOCK_DGRAM)
        receiver.bind(address)
        threading.Thread(target=self._note, args=(name, lambda: receiver.recv(1)), daemon=True).start()
        return int(receiver.getsockname()[1]) if family == socket.AF_INET else 0

    def _note(self, name: str, wait: Any) -> None:
        wait()
        self._reached.append(f"reached {name}")

    def _end_victim(self) -> None:
        self._victim.kill()
        self._victim.wait()


if __name__ == "__main__":
    main()
