"""The loop's listener: what a training says goes into the store as it is said.

In: steps, notes, rollouts and checkpoints of one job. Out: rows that any reader sees at once, and the
wishes (pause, cancel) that readers left for the job.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rftctl.engine.progress import Wish
from rftctl.graders.base import TokenUsage
from rftctl.server.history import (
    CheckpointRow,
    add_message,
    add_rollouts,
    drop_rollouts,
    prune_checkpoints,
    put_checkpoint,
    put_metrics,
    stable_id,
)
from rftctl.server.jobs import need_job, update_job
from rftctl.server.metrics import GraderTokens, checkpoint_metrics, step_data, step_message
from rftctl.server.names import checkpoint_name
from rftctl.text import safe

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from rftctl.engine.backend import CheckpointRef
    from rftctl.engine.progress import Rollout, StepReport
    from rftctl.server.jobs import JobRow
    from rftctl.server.store import Store


class StoreObserver:
    """Writes one job's training into the store.

    Args:
        asked_to_stop: set when this process was told to end (SIGTERM); taken as a wish to pause.
    """

    def __init__(self, store: Store, job: JobRow, asked_to_stop: threading.Event) -> None:
        self._store = store
        self._job = job
        self._asked_to_stop = asked_to_stop
        self._tokens: GraderTokens = {}
        grader = job.reinforcement["grader"]
        self._types = {name: str(part.get("type")) for name, part in (grader.get("graders") or {}).items()}
        usage = job.detail.get("usage") or {}
        self._cpu_s = float(job.detail.get("cpu_s") or 0.0)
        self._training_s = float(usage.get("training_s") or 0.0)
        self._spent: dict[str, int] = dict(usage.get("model_grader_tokens") or {})

    def begin(self, after_step: int) -> None:
        """Forget the sampled outputs of steps that will be done again."""
        drop_rollouts(self._store, self._job.id, after_step)

    def wish(self) -> Wish:
        """Say whether to go on: what the store says, or a pause when this process was told to end."""
        wish = Wish(need_job(self._store, self._job.id).wish)
        if wish is Wish.CONTINUE and self._asked_to_stop.is_set():
            return Wish.PAUSE
        return wish

    def on_note(self, message: str, level: str = "info") -> None:
        """Add a line to the job's history."""
        known = {"info": "info", "error": "error"}.get(level, "warn")
        add_message(self._store, self._job.id, safe(message), known)

    def on_rollouts(self, rollouts: Sequence[Rollout]) -> None:
        """Keep the outputs of a pass, and count what their model graders spent."""
        add_rollouts(self._store, self._job.id, rollouts)
        for rollout in rollouts:
            for model, spent in rollout.grade.token_usage.items():
                key = (model, rollout.split)
                self._tokens[key] = self._tokens.get(key, TokenUsage()) + spent
                self._spent[model] = self._spent.get(model, 0) + spent.total_tokens

    def on_step(self, report: StepReport) -> None:
        """Store a step's metrics."""
        put_metrics(
            self._store,
            self._job.id,
            report.step,
            step_message(report),
            step_data(report, self._tokens, self._types),
        )
        self._tokens = {}
        self._training_s += report.full_iteration_s
        self._cpu_s += report.cpu_s
        usage = {"training_s": round(self._training_s, 3), "model_grader_tokens": self._spent}
        detail = {"usage": usage, "cpu_s": round(self._cpu_s, 3), "peak_rss_bytes": report.peak_rss_bytes}
        update_job(self._store, self._job.id, detail=detail)

    def on_checkpoint(self, ref: CheckpointRef, report: StepReport | None) -> None:
        """Store a saved state under its public name, and let worse ones go."""
        metrics = {"step": float(ref.step)} if report is None else checkpoint_metrics(report)
        valid = None if report is None or report.valid is None else report.valid.reward_mean
        row = CheckpointRow(
            id=stable_id("ftckpt", self._job.id, ref.step),
            job_id=self._job.id,
            created_at=int(time.time()),
            step=ref.step,
            name=checkpoint_name(self._job, ref.step),
            folder=ref.path,
            has_optimizer=ref.has_optimizer,
            valid_reward=valid,
            metrics=metrics,
        )
        put_checkpoint(self._store, row)
        prune_checkpoints(self._store, self._job.id)
