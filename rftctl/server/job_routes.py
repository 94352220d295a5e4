"""`/v1/fine_tuning/jobs`: create, read, steer, and read what a job left behind.

In: create requests in the API's form. Out: jobs, events, checkpoints; and, as an extension of our own,
the sampled outputs of a job (`GET /v1/rftctl/jobs/{id}/outputs`).
A move that a job's status does not allow is a 400 with code `invalid_status`, as on the platform.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from rftctl.finding import Level, Place
from rftctl.server import supervision
from rftctl.server.files import find_file
from rftctl.server.handlers import id_in_path, json_body, service_of, store_of
from rftctl.server.history import page_of_checkpoints, page_of_events, rollouts_of
from rftctl.server.jobs import page_of_jobs
from rftctl.server.names import settled_model
from rftctl.server.paging import cursor_of, page_reply
from rftctl.server.refusal import Reply, bad
from rftctl.server.replies import checkpoint_body, job_body
from rftctl.server.schema import check_create

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from rftctl.server.jobs import JobRow
    from rftctl.server.store import Store

_JOB = "fine-tuning job"
_JOBS = "/v1/fine_tuning/jobs"


async def create(request: Request) -> Response:
    """Create a job and start its worker."""
    body = await json_body(request)
    checked = check_create(body)
    if checked.rftctl and checked.rftctl.judge and not service_of(request).takes_judges:
        raise bad("a judge is taken only from rftctl itself, not over a socket", "rftctl.judge")
    store = store_of(request)
    for param in ("training_file", "validation_file"):
        await run_in_threadpool(_check_file, store, body, param)
    _check_grader(body["method"]["reinforcement"]["grader"])
    body["model"] = settled_model(checked.model)
    return Reply(job_body(await run_in_threadpool(supervision.create_job, store, body)))


async def index(request: Request) -> Response:
    """List jobs, newest first, optionally only those with certain metadata."""
    store, cursor = store_of(request), cursor_of(request.query_params)
    metadata = _metadata_of(request)

    def read() -> dict[str, Any]:
        rows, has_more = page_of_jobs(store, cursor, metadata)
        return page_reply([supervision.notice_death(store, row) for row in rows], has_more, job_body)

    return Reply(await run_in_threadpool(read))


async def show(request: Request) -> Response:
    """Read one job."""
    return await _act(request, supervision.look)


async def cancel(request: Request) -> Response:
    """End a job for good."""
    return await _act(request, supervision.cancel_job)


async def pause(request: Request) -> Response:
    """Stop a job after its present step."""
    return await _act(request, supervision.pause_job)


async def resume(request: Request) -> Response:
    """Let a paused job, or one whose worker died, go on."""
    return await _act(request, supervision.resume_job)


async def events(request: Request) -> Response:
    """List a job's events, newest first."""
    store, job_id, cursor = store_of(request), id_in_path(request, _JOB), cursor_of(request.query_params)

    def read() -> dict[str, Any]:
        supervision.look(store, job_id)
        return page_reply(*page_of_events(store, job_id, cursor), lambda event: event)

    return Reply(await run_in_threadpool(read))


async def checkpoints(request: Request) -> Response:
    """List a job's checkpoints, newest first."""
    cursor = cursor_of(request.query_params, default=10)
    store, job_id = store_of(request), id_in_path(request, _JOB)

    def read() -> dict[str, Any]:
        supervision.look(store, job_id)
        rows, has_more = page_of_checkpoints(store, job_id, cursor)
        return {"first_id": None, "last_id": None} | page_reply(rows, has_more, checkpoint_body)

    return Reply(await run_in_threadpool(read))


async def outputs(request: Request) -> Response:
    """List a job's kept model outputs, of one `step` and `split` when given."""
    store, job_id = store_of(request), id_in_path(request, _JOB)
    step, split = request.query_params.get("step"), request.query_params.get("split")
    if step is not None and not (step.isascii() and step.isdigit() and len(step) < 10):
        raise bad(f"step '{step[:40]}' must be a whole number", "step")
    if split not in (None, "train", "valid"):
        raise bad("split must be 'train' or 'valid'", "split")

    def read() -> dict[str, Any]:
        supervision.look(store, job_id)
        chosen = None if step is None else int(step)
        return {"object": "list", "data": rollouts_of(store, job_id, step=chosen, split=split)}

    return Reply(await run_in_threadpool(read))


def _metadata_of(request: Request) -> dict[str, str] | None:
    if request.query_params.get("metadata") == "null":
        return None
    return {
        name[len("metadata[") : -1]: value
        for name, value in request.query_params.items()
        if name.startswith("metadata[") and name.endswith("]")
    }


async def _act(request: Request, action: Callable[[Store, str], JobRow]) -> Response:
    job = await run_in_threadpool(action, store_of(request), id_in_path(request, _JOB))
    return Reply(job_body(job))


def _check_file(store: Store, body: dict[str, Any], param: str) -> None:
    file_id = body.get(param)
    if file_id is None:
        return
    row = find_file(store, file_id)
    if row is None:
        raise bad(f"{param} '{file_id[:100]}' names no file here", param, "file_not_found")
    if row.purpose != "fine-tune":
        raise bad(f"{param} '{file_id}' has purpose '{row.purpose}', not 'fine-tune'", param)


def _check_grader(config: dict[str, Any]) -> None:
    from rftctl.graders import check_grader

    param = "method.reinforcement.grader"
    for finding in check_grader(config, lambda path: Place(".".join((param, *map(str, path))))):
        if finding.level is Level.ERROR:
            hint = f"; {finding.hint}" if finding.hint else ""
            raise bad(f"{finding.place} {finding.message}{hint}", param, "invalid_grader")


ROUTES = [
    Route(_JOBS, index, methods=["GET"]),
    Route(_JOBS, create, methods=["POST"]),
    Route(_JOBS + "/{id}", show, methods=["GET"]),
    Route(_JOBS + "/{id}/cancel", cancel, methods=["POST"]),
    Route(_JOBS + "/{id}/pause", pause, methods=["POST"]),
    Route(_JOBS + "/{id}/resume", resume, methods=["POST"]),
    Route(_JOBS + "/{id}/events", events, methods=["GET"]),
    Route(_JOBS + "/{id}/checkpoints", checkpoints, methods=["GET"]),
    Route("/v1/rftctl/jobs/{id}/outputs", outputs, methods=["GET"]),
]
