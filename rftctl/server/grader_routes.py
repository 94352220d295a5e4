"""`/v1/fine_tuning/alpha/graders`: check a grader, and run it on one text sample.

In: a grader, a sample, an item. Out: the API's reply. Like the platform's, a failing grader answers 200 with
reward 0.0 and its flags raised; what it really said (no reward) stands under `rftctl`.
"""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from rftctl.dataset import Sample, parse_output
from rftctl.errors import InvalidInputError, NotOfferedError, ProviderError
from rftctl.graders.base import ERROR_FLAGS
from rftctl.server.handlers import json_body, service_of
from rftctl.server.refusal import Reply, bad, with_hint
from rftctl.server.schema import RunGrader, ValidateGrader, check_body
from rftctl.spec.reads import model_graders

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.responses import Response

    from rftctl.graders.base import Grade, Grader, TokenUsage
    from rftctl.server.handlers import Service

_DETAILS = (
    ("python_grader_server_error_type", "python_grader_server_error"),
    ("python_grader_runtime_error_details", "python_grader_runtime_error"),
    ("model_grader_server_error_details", "model_grader_server_error"),
)


async def validate(request: Request) -> Response:
    """Check a grader and return it as it was sent."""
    body = await json_body(request)
    check_body(ValidateGrader, body)

    def build() -> None:
        with _opened(service_of(request), body["grader"], None):
            pass

    await run_in_threadpool(build)
    return Reply({"grader": body["grader"]})


async def run(request: Request) -> Response:
    """Grade one text sample."""
    body = await json_body(request)
    service, extension = service_of(request), check_body(RunGrader, body).rftctl
    if extension and extension.judge and not service.takes_judges:
        raise bad("a judge is taken only from rftctl itself, not over a socket", "rftctl.judge")
    return Reply(await run_in_threadpool(_run, service, body))


def _run(service: Service, body: dict[str, Any]) -> dict[str, Any]:
    config, item = body["grader"], body.get("item") or {}
    sample = Sample(body["model_sample"], parse_output(body["model_sample"]))
    if not model_graders(config):
        with _refusing():
            return _reply(*service.kept_grader.grade(config, sample, item))
    with _opened(service, config, (body.get("rftctl") or {}).get("judge")) as grader:
        (grade,) = grader.grade_batch([(sample, item)])
        return _reply(grader, grade)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (InvalidInputError, NotOfferedError, ProviderError) as error:
        raise bad(f"grader: {with_hint(error)}", "grader", "invalid_grader") from error


@contextmanager
def _opened(service: Service, config: dict[str, Any], judge: dict[str, Any] | None) -> Iterator[Grader]:
    """Open a grader with the judge that was sent, or with the service's own models as its judge."""
    from rftctl.graders import build_grader
    from rftctl.judge import HttpJudge, JudgeSettings
    from rftctl.server.judge import own_judge

    with ExitStack() as stack:
        with _refusing():
            if judge:
                http = stack.enter_context(closing(HttpJudge(JudgeSettings.of(judge))))
                grader = build_grader(config, sampler=http)
            else:
                grader = build_grader(config, sampler=own_judge(service.store, service.chat, config))
        stack.callback(grader.close)
        yield grader


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
