"""One job's training, from what was asked to the model that came of it.

In: a job of the store. Out: the job moved to succeeded, cancelled or paused, with its model and result file.
"""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rftctl.engine.progress import LoopSettings, Outcome, Wish, resolve_settings
from rftctl.errors import InvalidInputError, NotOfferedError, ProviderError
from rftctl.server.failures import JobError
from rftctl.server.files import add_file, find_file
from rftctl.server.history import add_message, checkpoints_of, metrics_of
from rftctl.server.jobs import JobRow, dataset_path, move_job, need_job, update_job
from rftctl.server.names import Weights, as_reference, find_weights, model_cache, tuned_name
from rftctl.server.observer import StoreObserver
from rftctl.server.refusal import with_hint
from rftctl.server.results import result_csv
from rftctl.text import plural

if TYPE_CHECKING:
    import threading

    from rftctl.dataset import Example, Sampler
    from rftctl.engine.backend import CheckpointRef, TrainBackend
    from rftctl.graders.base import Grader
    from rftctl.server.store import Store

_GRADER = "method.reinforcement.grader"
_RESOLVED = ("n_epochs", "batch_size", "eval_interval", "eval_samples")


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that a training needs, checked before it queues."""

    train: list[Example]
    valid: list[Example]
    grader: Grader
    settings: LoopSettings
    tools: list[dict[str, Any]] | None


def prepare(store: Store, job: JobRow) -> Prepared:
    """Read the files, build the grader and resolve every `auto`.

    Raises:
        JobError: a file or the grader is wrong; says which, and where.
    """
    train = _examples(store, job, "training_file")
    valid = _examples(store, job, "validation_file")
    settings = _settings(store, job, len(train))
    update_job(
        store,
        job.id,
        settings={"hyperparameters": _hyperparameters(job, settings), "engine": asdict(settings)},
        total_steps=settings.total_steps(len(train)),
    )
    rows = [plural(len(split), f"{name} row") for split, name in ((train, "training"), (valid, "validation"))]
    add_message(store, job.id, f"files are valid: {rows[0]}, {rows[1]}")
    return Prepared(train, valid, _grader(store, job), settings, job.reinforcement.get("tools"))


def train(store: Store, job_id: str, prepared: Prepared, asked_to_stop: threading.Event) -> None:
    """Train a running job to its end, or to the wish that ended it."""
    from rftctl.engine.loop import run_loop
    from rftctl.engine.models import find_model

    job = need_job(store, job_id)
    observer = StoreObserver(store, job, asked_to_stop)
    resume = _last_state(store, job_id)
    observer.begin(0 if resume is None else resume.step)
    add_message(store, job_id, "fine-tuning job started")
    # Before torch is loaded: a model that is not here is said at once.
    find_model(prepared.settings.model, model_cache(store))
    backend = _backend(store, job)
    outcome = run_loop(
        prepared.settings,
        backend,
        prepared.train,
        prepared.valid,
        prepared.grader,
        observer,
        store.job_folder(job_id) / "checkpoints",
        resume,
        prepared.tools,
    )
    _settle(store, job_id, outcome)


def _settle(store: Store, job_id: str, outcome: Outcome) -> None:
    job = need_job(store, job_id)
    trained_tokens = (job.trained_tokens or 0) + outcome.trained_tokens
    changes: dict[str, Any] = {"trained_tokens": trained_tokens, "wish": "continue"}
    if outcome.ended_by is Wish.PAUSE:
        target, note = "paused", f"the job was paused after step {outcome.step}"
    elif outcome.ended_by is Wish.CANCEL:
        target, note = "cancelled", f"the job was cancelled after step {outcome.step}"
    else:
        target, note = "succeeded", "the job has successfully completed"
        changes["fine_tuned_model"] = tuned_name(job)
    if target != "paused":
        changes["result_file"] = _result_file(store, job_id)
    # Before the status moves: a reader that sees the end sees all of it.
    if "fine_tuned_model" in changes:
        add_message(store, job_id, f"new fine-tuned model created: {changes['fine_tuned_model']}")
    add_message(store, job_id, note)
    move_job(store, job_id, ("running",), target, **changes)


def _result_file(store: Store, job_id: str) -> str | None:
    steps = metrics_of(store, job_id)
    if not steps:
        return None
    source = io.BytesIO(result_csv(steps))
    return add_file(store, source, "step_metrics.csv", "fine-tune-results").id


def _examples(store: Store, job: JobRow, param: str) -> list[Example]:
    from rftctl.dataset import read_examples

    file_id = job.request.get(param)
    if file_id is None:
        return []
    row = find_file(store, file_id)
    if row is None:
        raise JobError(f"file '{file_id}' was deleted or has expired", "file_not_found", param)
    path = dataset_path(store, file_id)
    try:
        return list(read_examples(path))
    except InvalidInputError as error:
        # The reader names our copy; the user knows the file by the name it was uploaded with.
        message = with_hint(error).replace(str(path), row.filename).replace(file_id, row.filename)
        raise JobError(message, f"invalid_{param}", param) from error


def _grader(store: Store, job: JobRow) -> Grader:
    from rftctl.graders import build_grader

    try:
        sampler = _judge(store, job, (job.request.get("rftctl") or {}).get("judge"))
        return build_grader(job.reinforcement["grader"], sampler=sampler)
    except (InvalidInputError, NotOfferedError, ProviderError) as error:
        raise JobError(f"grader: {with_hint(error)}", "invalid_grader", _GRADER) from error


def _judge(store: Store, job: JobRow, settings: dict[str, Any] | None) -> Sampler | None:
    """Open the judge that the job was given, or the service's own models where it was given none."""
    if settings:
        from rftctl.judge import HttpJudge, JudgeSettings

        return HttpJudge(JudgeSettings.of(settings), store.job_folder(job.id) / "answers.sqlite")
    from rftctl.server.chat import Chat, torch_backend
    from rftctl.server.judge import own_judge

    # The training owns the threads; a judge that chose anew would take them from it.
    threads = job.engine.get("threads")
    return own_judge(
        store, Chat(lambda: torch_backend(model_cache(store), threads)), job.reinforcement["grader"]
    )


def _settings(store: Store, job: JobRow, n_examples: int) -> LoopSettings:
    response_format = job.reinforcement.get("response_format") or {}
    settings = resolve_settings(
        _trainable(find_weights(store, job.model)),
        job.reinforcement.get("hyperparameters") or {},
        job.engine,
        n_examples=n_examples,
        seed=job.seed,
        has_response_format=response_format.get("type") in ("json_schema", "json_object"),
    )
    if job.engine.get("backend", "torch") != "torch":
        raise JobError(
            f"engine.backend '{job.engine['backend']}' is not here; use torch", "not_offered", "rftctl.engine"
        )
    return settings


def _trainable(weights: Weights) -> str:
    from pathlib import Path

    if weights.checkpoint is None:
        return weights.model
    if (Path(weights.checkpoint.path) / "config.json").is_file():
        return weights.checkpoint.path
    raise JobError(
        f"an adapter of '{weights.model}' cannot be trained further; start from '{weights.model}', "
        "or train with engine.full_weights",
        "not_offered",
        "model",
    )


def _hyperparameters(job: JobRow, settings: LoopSettings) -> dict[str, Any]:
    sent = job.reinforcement.get("hyperparameters") or {}
    known: dict[str, Any] = {name: getattr(settings, name) for name in _RESOLVED}
    for name in ("learning_rate_multiplier", "compute_multiplier"):
        value = sent.get(name, "auto")
        known[name] = 1.0 if value == "auto" else value
    return known | {"reasoning_effort": settings.reasoning_effort}


def _last_state(store: Store, job_id: str) -> CheckpointRef | None:
    for row in checkpoints_of(store, job_id):
        if row.has_optimizer:
            return as_reference(row)
    return None


def _backend(store: Store, job: JobRow) -> TrainBackend:
    from rftctl.engine.torch_backend import TorchBackend

    backend = TorchBackend(model_cache(store), threads=job.engine.get("threads"))
    update_job(store, job.id, detail=dict(backend.capabilities().description))
    return backend
