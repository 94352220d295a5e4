"""The worker process: one job, from its files to its model.

In: `python -m rftctl.server.worker HOME JOB_ID`. Out: the job in the store, in a status that is true.
It holds the job's lock for life, waits for its turn, and trains. SIGTERM is taken as a wish to pause: the
step is finished and a checkpoint saved. Whatever goes wrong ends as the job's `error`; a traceback
appears in the worker's log alone.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rftctl.errors import RftctlError
from rftctl.redaction import guard_streams
from rftctl.server.failures import describe
from rftctl.server.history import add_message
from rftctl.server.jobs import ACTIVE, move_job, need_job, update_job
from rftctl.server.store import Store
from rftctl.server.supervision import is_first_in_line, take_lock

if TYPE_CHECKING:
    from collections.abc import Sequence

_TURN_POLL_S = 0.1
_RESERVE_BYTES = 256 << 10


class Worker:
    """One job's process."""

    def __init__(self, home: Path, job_id: str) -> None:
        self.store = Store(home)
        self.job_id = job_id
        self.folder = self.store.job_folder(job_id)
        self.asked_to_stop = threading.Event()

    def run(self) -> int:
        """Do the job; returns the process's exit status. The job's status is settled on every way out."""
        self._keep_reserve()
        try:
            self._work()
        except RftctlError as error:
            self._record(error)
            return 1
        except BaseException as error:
            self._record(error)
            raise
        finally:
            self._reserve.unlink(missing_ok=True)
        return 0

    def _work(self) -> None:
        from rftctl.server.training import prepare, train

        prepared = prepare(self.store, need_job(self.store, self.job_id))
        try:
            move_job(self.store, self.job_id, ("validating_files",), "queued")
            turn = self._await_turn()
            if turn is not None:
                train(self.store, self.job_id, prepared, self.asked_to_stop)
                os.close(turn)
        finally:
            prepared.grader.close()

    def _await_turn(self) -> int | None:
        """Wait for the engine; returns its lock, or None when the job was stopped while it waited."""
        while need_job(self.store, self.job_id).status == "queued":
            if self.asked_to_stop.is_set():
                move_job(self.store, self.job_id, ("queued",), "paused")
                return None
            if is_first_in_line(self.store, self.job_id):
                lock = take_lock(self.store.home / "engine.lock")
                if lock is not None and move_job(self.store, self.job_id, ("queued",), "running"):
                    return lock
                if lock is not None:
                    os.close(lock)
            time.sleep(_TURN_POLL_S)
        return None

    @property
    def _reserve(self) -> Path:
        return self.folder / "reserve"

    def _keep_reserve(self) -> None:
        # Given back before a failure is written, so that a full disk can still be told of.
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._reserve.write_bytes(os.urandom(_RESERVE_BYTES))
        except OSError:
            self._reserve.unlink(missing_ok=True)

    def _record(self, error: BaseException) -> None:
        self._reserve.unlink(missing_ok=True)
        failure = describe(error)
        if move_job(self.store, self.job_id, ACTIVE, "failed", error=failure):
            add_message(self.store, self.job_id, failure["message"], "error")


def main(arguments: Sequence[str]) -> int:
    """Run the worker of one job; returns the exit status."""
    parser = argparse.ArgumentParser(prog="rftctl.server.worker")
    parser.add_argument("home", type=Path)
    parser.add_argument("job_id")
    parser.add_argument("--lock", type=int, help="an open file that holds the job's lock already")
    options = parser.parse_args(arguments)
    # For good: the interpreter itself writes the last traceback.
    guard_streams()
    if options.lock is None:
        options.lock = take_lock(options.home / "jobs" / options.job_id / "worker.lock")
    if options.lock is None:
        return 8
    # A grader's process must not keep the lock of a dead worker alive.
    os.set_inheritable(options.lock, False)
    worker = Worker(options.home, options.job_id)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: worker.asked_to_stop.set())
    update_job(worker.store, options.job_id, detail={"worker_pid": os.getpid()})
    return worker.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
