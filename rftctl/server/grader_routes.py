"""`/v1/fine_tuning/alpha/graders`: check a grader, and run it on one text sample.

In: a grader, a sample, an item. Out: the API's reply. Like the platform's, a failing grader answers 200 with
reward 0.0 and its flags raised; what it really said (no reward) stands under `rftctl`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from rftctl.dataset import Sample, parse_output
from rftctl.errors import InvalidInputError, NotOfferedError
from rftctl.graders.base import ERROR_FLAGS
from rftctl.server.handlers import json_body
from rftctl.server.refusal import Reply, bad, with_hint
from rftctl.server.schema import RunGrader, ValidateGrader, check_body

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from rftctl.graders.base import Grade, Grader, TokenUsage

_DETAILS = (
    ("python_grader_server_error_type", "python_grader_server_error"),
    ("python_grader_runtime_error_details", "python_grader_runtime_error"),
    ("model_grader_server_error_details", "model_grader_server_error"),
)


async def validate(request: Request) -> Response:
    """Check a grader and return it as it was sent."""
    body = await json_body(request)
    check_body(ValidateGrader, body)
    (await run_in_threadpool(_build, body["grader"])).close()
    return Reply({"grader": body["grader"]})


async def run(request: Request) -> Response:
    """Grade one text sample."""
    body = await json_body(request)
    check_body(RunGrader, body)
    return Reply(await run_in_threadpool(_run, body))


def _run(body: dict[str, Any]) -> dict[str, Any]:
    grader = _build(body["grader"])
    try:
        sample = Sample(body["model_sample"], parse_output(body["model_sample"]))
        (grade,) = grader.grade_batch([(sample, body.get("item") or {})])
        return _reply(grader, grade)
    finally:
        grader.close()


def _build(config: dict[str, Any]) -> Grader:
    from rftctl.graders import build_grader

    try:
        return build_grader(config)
    except (InvalidInputError, NotOfferedError) as error:
        raise bad(f"grader: {with_hint(error)}", "grader", "invalid_grader") from error


def _reply(grader: Grader, grade: Grade) -> dict[str, Any]:
    errors: dict[str, Any] = {flag: flag in grade.errors for flag in ERROR_FLAGS}
    errors |= {name: grade.details.get(flag) for name, flag in _DETAILS}
    usage = {model: _tokens(spent) for model, spent in grade.token_usage.items()}
    total = sum(spent.total_tokens for spent in grade.token_usage.values())
    return {
        "reward": 0.0 if grade.reward is None else grade.reward,
        "sub_rewards": grade.sub_rewards,
        "model_grader_token_usage_per_model": usage,
        "metadata": {
            "name": grader.name,
            "type": grader.type,
            "errors": errors,
            "execution_time": grade.execution_time_s,
            "scores": grade.sub_rewards,
            "token_usage": total if usage else None,
            "sampled_model_name": None,
        },
        "rftctl": {"reward": grade.reward, "failed": grade.failed, "details": grade.details},
    }


def _tokens(spent: TokenUsage) -> dict[str, int]:
    return {
        "prompt_tokens": spent.prompt_tokens,
        "completion_tokens": spent.completion_tokens,
        "cached_tokens": spent.cached_tokens,
        "total_tokens": spent.total_tokens,
    }


ROUTES = [
    Route("/v1/fine_tuning/alpha/graders/validate", validate, methods=["POST"]),
    Route("/v1/fine_tuning/alpha/graders/run", run, methods=["POST"]),
]
