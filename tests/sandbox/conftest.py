"""What the sandbox tests share: graders at a level, and one run of all acts per level and user."""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import shutil
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rftctl.errors import NotOfferedError
from rftctl.sandbox import Limits, Sandbox, choose_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
CANARY = "sk-canary-7f3a91c2"
EXPECTED_ABSENT = set(filter(None, os.environ.get("RFTCTL_EXPECT_NO_SANDBOX", "").split(",")))
"""Levels (and `nobody`) that this machine is known to lack; anything else that is missing fails."""


def refuse_absence(name: str, reason: str) -> None:
    """End a test whose sandbox is missing: expected if the environment says so, else a failure."""
    if name in EXPECTED_ABSENT:
        pytest.xfail(f"{name} is expected to be missing here: {reason}")
    pytest.fail(f"{name} does not work here ({reason}); set RFTCTL_EXPECT_NO_SANDBOX={name} if that is right")


@pytest.fixture(scope="session", params=["S2", "S3"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A sandbox that contains, at each such level."""
    limits = Limits(time_s=5.0, memory_bytes=256 << 20, disk_bytes=2 << 20)
    try:
        chosen = choose_sandbox(request.param, limits=limits)
    except NotOfferedError as error:
        refuse_absence(request.param, error.message)
        raise
    with chosen:
        yield chosen


class ActRuns:
    """Runs of all acts, one a level and user, made once for all tests and all test workers.

    Two run at a time: most of what they do is wait for a clock.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(max_workers=2)
        self._reports: dict[tuple[str, str], Future[dict[str, Any]]] = {}

    def plan(self, runs: dict[tuple[str, str], Sequence[str]]) -> None:
        """Start every run that is not started yet."""
        for key, acts in runs.items():
            if key not in self._reports:
                self._reports[key] = self._pool.submit(self._load, *key, acts)

    def report(self, level: str, user: str) -> dict[str, Any]:
        """Wait for a planned run and give its report."""
        report = self._reports[level, user].result()
        if "unavailable" in report:
            refuse_absence(level, report["unavailable"])
        return report

    def close(self) -> None:
        """Drop what has not begun."""
        self._pool.shutdown(cancel_futures=True)

    def _load(self, level: str, user: str, acts: Sequence[str]) -> dict[str, Any]:
        path = self._folder / f"acts-{level}-{user}.json"
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                path.write_text(_run_driver(level, user, acts), encoding="utf-8")
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return report


@pytest.fixture(scope="session")
def act_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActRuns]:
    """Give the runs of all acts."""
    base = tmp_path_factory.getbasetemp()
    runs = ActRuns(base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base)
    yield runs
    runs.close()


def _run_driver(level: str, user: str, acts: Sequence[str]) -> str:
    environment = {
        "OPENAI_API_KEY": CANARY,
        "PYTHONPATH": str(REPOSITORY),
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": str(Path.home()),
    }
    command = [sys.executable, "-B", str(HERE / "driver.py"), level, *acts]
    identity: dict[str, Any] = {}
    if user == "nobody":
        nobody = pwd.getpwnam("nobody")
        identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        command[0] = _interpreter_for_nobody(identity)
        environment["HOME"] = "/nonexistent"
    finished = subprocess.run(
        command,
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        **identity,
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert CANARY not in finished.stderr
    return finished.stdout


def _interpreter_for_nobody(identity: dict[str, Any]) -> str:
    # root's own interpreter often lies in a folder that nobody else may enter.
    probe = "import sys; sys.exit(sys.version_info < (3, 11) or not open(sys.argv[1]).read())"
    for name in (sys.executable, "/usr/bin/python3", shutil.which("python3") or ""):
        try:
            command = [name, "-c", probe, str(HERE / "driver.py")]
            if (
                subprocess.run(
                    command, cwd="/", check=False, stderr=subprocess.DEVNULL, **identity
                ).returncode
                == 0
            ):
                return name
        except OSError:
            continue
    refuse_absence("nobody", "no Python of 3.11 or later, and this checkout, are open to other users")
    raise AssertionError
