"""The view of one run that the ledger gives.

In: nothing. Out: `Run`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """One run as the ledger knows it; `state` is the newest state entry, `job_id` None until created.

    States: planned, uploading, sending, unknown, then the job's own status once it exists.
    """

    run_id: str
    name: str
    spec_path: str
    spec_sha256: str
    data_sha256: str
    grader_sha256: str
    provider: str
    model: str
    target: str | None
    overrides: dict[str, str]
    launch_id: str
    created_at: int
    rftctl_version: str
    git_commit: str | None
    state: str = "planned"
    job_id: str | None = None


COLUMNS = tuple(name for name in Run.__dataclass_fields__ if name not in ("state", "job_id"))
"""What the table `runs` holds of it; the rest is read from the newest entries."""
