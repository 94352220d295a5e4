"""Who works on a job: starting, noticing the death of, and talking to its worker.

In: a `Store`. Out: running worker processes, and jobs whose status is true when it is read.
A worker holds an OS lock on its job for as long as it lives. The lock is taken by whoever starts it and
handed over as an open file, so there is no moment in which a live job looks dead, and a killed worker is
noticed by the very next reader: no process id is trusted, no grace period guessed.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rftctl.server.history import add_message, checkpoints_of
from rftctl.server.jobs import (
    ACTIVE,
    WORKER_DIED,
    JobRow,
    add_job,
    find_job,
    jobs_in,
    move_job,
    need_job,
    new_job_id,
    requeue_job,
    update_job,
)
from rftctl.server.refusal import RefusalError, bad, missing
from rftctl.server.store import storage_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from rftctl.server.store import Store

_HANDOVER_S = 10.0
_PASSED_ON = frozenset(
    {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ", "USER", "LOGNAME", "PYTHONPATH"}
    | {"RFTCTL_HOME", "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"}
    | {"LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "NVIDIA_VISIBLE_DEVICES"}
    | {
        "OMP_NUM_THREADS",
        "PYTHONDONTWRITEBYTECODE",
        "SSL_CERT_FILE",
        "HTTPS_PROXY",
        "https_proxy",
        "NO_PROXY",
    }
)
"""Names of environment variables a worker gets; API keys are not among them."""


def create_job(store: Store, request: dict[str, Any]) -> JobRow:
    """Store a job and start its worker."""
    job_id = new_job_id()
    with _worker_lock(store, job_id) as lock:
        job = add_job(store, request, job_id)
        add_message(store, job_id, f"created fine-tuning job: {job_id}")
        _start(store, job, lock)
    return job


def look(store: Store, job_id: str) -> JobRow:
    """Read a job, first noticing if its worker has died; raises RefusalError (404) when there is none."""
    job = find_job(store, job_id)
    if job is None:
        raise missing("fine-tuning job", job_id)
    return notice_death(store, job)


def notice_death(store: Store, job: JobRow) -> JobRow:
    """Mark an active job failed when nobody holds its lock; returns the job as it is now."""
    if not job.is_active:
        return job
    # Shared, so that two readers never take each other for a worker.
    descriptor = _try_lock(store, job.id, fcntl.LOCK_SH)
    if descriptor is None:
        return job
    try:
        # Read again under the lock: the worker may have finished in the meantime.
        job = need_job(store, job.id)
        if job.is_active:
            _bury(store, job)
    finally:
        os.close(descriptor)
    return need_job(store, job.id)


def cancel_job(store: Store, job_id: str) -> JobRow:
    """End a job: at once when it is waiting or paused, between two steps when it is running."""
    job = look(store, job_id)
    if move_job(store, job_id, ("validating_files", "queued", "paused"), "cancelled"):
        add_message(store, job_id, "the job was cancelled")
    elif job.status == "running":
        update_job(store, job_id, wish="cancel")
    else:
        raise _illegal(job, "cancelled")
    return look(store, job_id)


def pause_job(store: Store, job_id: str) -> JobRow:
    """Let a job rest: at once when it is waiting, after a checkpoint between two steps when running."""
    job = look(store, job_id)
    if move_job(store, job_id, ("validating_files", "queued"), "paused"):
        add_message(store, job_id, "the job was paused before its first step")
    elif job.status == "running" and job.wish != "cancel":
        update_job(store, job_id, wish="pause")
    else:
        raise _illegal(job, "paused")
    return look(store, job_id)


def resume_job(store: Store, job_id: str) -> JobRow:
    """Let a paused job, or one whose worker died, go on from its last checkpoint in a new worker."""
    job = look(store, job_id)
    if not job.can_resume:
        raise _illegal(job, "resumed")
    with _worker_lock(store, job_id) as lock:
        if not requeue_job(store, job_id):
            raise _illegal(look(store, job_id), "resumed")
        add_message(store, job_id, f"the job goes on from step {resume_step(store, job_id)}")
        _start(store, need_job(store, job_id), lock)
    return look(store, job_id)


def resume_step(store: Store, job_id: str) -> int:
    """Say after which step a resumed job goes on; 0 is its start."""
    return max((row.step for row in checkpoints_of(store, job_id) if row.has_optimizer), default=0)


def is_first_in_line(store: Store, job_id: str) -> bool:
    """Tell whether no live job was queued before this one."""
    for job in jobs_in(store, ("queued",)):
        if job.id == job_id:
            return True
        if notice_death(store, job).status == "queued":
            return False
    return True


def take_lock(path: Path, kind: int = fcntl.LOCK_EX) -> int | None:
    """Take an OS lock without waiting; returns the open descriptor, or None when another holds it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _try_lock(store: Store, job_id: str, kind: int) -> int | None:
    with storage_errors(store.home):
        return take_lock(store.job_folder(job_id) / "worker.lock", kind)


@contextmanager
def _worker_lock(store: Store, job_id: str) -> Iterator[int]:
    deadline = time.monotonic() + _HANDOVER_S
    # A worker that has just said "paused" holds its lock until it has exited.
    while (descriptor := _try_lock(store, job_id, fcntl.LOCK_EX)) is None:
        if time.monotonic() > deadline:
            raise RefusalError(409, f"job '{job_id}' is still held by its last worker; try again in a moment")
        time.sleep(0.05)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _start(store: Store, job: JobRow, lock: int) -> None:
    folder = store.job_folder(job.id)
    log = folder / "worker.log"
    command = [
        sys.executable,
        "-P",
        "-m",
        "rftctl.server.worker",
        str(store.home),
        job.id,
        "--lock",
        str(lock),
    ]
    with (
        storage_errors(store.home),
        os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as out,
    ):
        worker = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(job),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(lock,),
        )
    update_job(store, job.id, detail={"worker_pid": worker.pid})
    # The worker may outlive this process; while both live, somebody must collect its exit status.
    threading.Thread(target=worker.wait, name=f"reap-{job.id}", daemon=True).start()


def _environment(job: JobRow) -> dict[str, str]:
    from rftctl.engine.threads import worker_environment

    judge = (job.request.get("rftctl") or {}).get("judge")
    # The one key a worker may need: that of its own judge, by the name the user's config gave.
    key = judge.get("api_key_env", "OPENAI_API_KEY") if judge else None
    names = _PASSED_ON | {key}
    kept = {name: value for name, value in os.environ.items() if name in names}
    return kept | worker_environment(job.engine.get("threads"))


def _bury(store: Store, job: JobRow) -> None:
    at = f"after step {job.last_step}" if job.last_step else "before its first step"
    step = resume_step(store, job.id)
    way_out = f"continues from step {step}" if step else "starts again"
    message = (
        f"the worker process ended without a word (killed, or out of memory) {at}; rftctl resume {way_out}"
    )
    error = {"code": WORKER_DIED, "message": message, "param": None}
    if move_job(store, job.id, ACTIVE, "failed", error=error):
        add_message(store, job.id, message, "error")


def _illegal(job: JobRow, verb: str) -> RefusalError:
    wish = " and about to be cancelled" if job.status == "running" and job.wish == "cancel" else ""
    return bad(f"job '{job.id}' is {job.status}{wish} and cannot be {verb}", code="invalid_status")
