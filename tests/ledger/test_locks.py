"""Locks: held by living processes only, however old the file is."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from rftctl.errors import BusyError
from rftctl.ledger import Ledger
from rftctl.ledger.locks import hold_lock
from tests.ledger.conftest import start_writer

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

HOLD = """
    import time
    with Ledger(path) as ledger, ledger.lock("x.lock", "launching 'x'"):
        sys.stdout.write("held\\n")
        sys.stdout.flush()
        time.sleep(60)
"""


def start_holder(path: Path) -> subprocess.Popen[str]:
    holder = start_writer(path, HOLD)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def end(holder: subprocess.Popen[str]) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()


def test_a_second_holder_is_told_who_the_first_is(path: Path) -> None:
    holder = start_holder(path)
    with Ledger(path) as ledger, pytest.raises(BusyError, match=rf"launching 'x' \(process {holder.pid}, "):
        ledger.lock("x.lock", "launching 'x'").__enter__()
    end(holder)


def test_the_lock_of_a_killed_process_is_free_at_once(path: Path) -> None:
    end(start_holder(path))
    with Ledger(path) as ledger, ledger.lock("x.lock", "launching 'x'"):
        assert (path.parent / "locks" / "x.lock").exists()


def test_a_lock_file_of_hours_ago_means_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "x.lock"
    lock.write_text('{"pid": 1, "since": 5}')
    os.utime(lock, (time.time() - 8 * 3600,) * 2)
    with hold_lock(lock, "launching"):
        assert str(os.getpid()) in lock.read_text()


def test_an_old_lock_that_is_held_is_still_held(path: Path) -> None:
    holder = start_holder(path)
    os.utime(path.parent / "locks" / "x.lock", (time.time() - 8 * 3600,) * 2)
    with Ledger(path) as ledger, pytest.raises(BusyError):
        ledger.lock("x.lock", "launching 'x'").__enter__()
    end(holder)


def test_a_child_process_does_not_keep_the_lock(tmp_path: Path) -> None:
    import subprocess

    with hold_lock(tmp_path / "x.lock", "launching"):
        child = subprocess.Popen(["sleep", "60"])
    with hold_lock(tmp_path / "x.lock", "launching"):
        child.kill()
    assert child.wait() < 0


def test_a_garbled_lock_file_still_says_busy(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "x.lock", "launching"):
        (tmp_path / "x.lock").write_bytes(b"\xff{")
        with (
            pytest.raises(BusyError, match=r"^another process is launching$"),
            hold_lock(tmp_path / "x.lock", "launching"),
        ):
            pass
