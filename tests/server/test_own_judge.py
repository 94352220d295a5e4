"""The service judging by its own models, and what is no model of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rftctl.errors import NotOfferedError, ProviderError
from rftctl.server.judge import ServiceJudge, own_judge

if TYPE_CHECKING:
    from conftest import Service

JUDGED = {
    "type": "score_model",
    "name": "judge",
    "model": "tiny-random",
    "input": [{"role": "user", "content": "How good is {{sample.output_text}}?"}],
    "sampling_params": {"temperature": 0, "max_completions_tokens": 4},
}
NUMBER = {
    "json_schema": {"schema": {"properties": {"result": {"type": "number", "description": "A number."}}}}
}
ASK = [{"role": "user", "content": "How good is this?"}]


@pytest.fixture
def own(service: Service) -> ServiceJudge:
    opened = service.app.state.service
    return ServiceJudge(opened.store, opened.chat)


def test_the_reply_is_begun_up_to_its_result(own: ServiceJudge) -> None:
    sample, usage = own.sample(ASK, response_format=NUMBER, params={"model": "tiny-random", "temperature": 0})
    assert sample.output_text.startswith('{"steps": [], "result":') or sample.is_truncated
    assert usage["prompt_tokens"] > len("How good is this?")
    assert 0 < usage["completion_tokens"] <= 32


def test_the_same_question_gets_the_same_answer(own: ServiceJudge) -> None:
    params = {"model": "tiny-random", "max_completion_tokens": 8}
    first, second = (own.sample(ASK, response_format=NUMBER, params=params) for _ in range(2))
    assert first == second


def test_what_the_service_does_not_offer_is_a_provider_error(own: ServiceJudge) -> None:
    with pytest.raises(ProviderError, match="the embedded service: 'temperature' is 9"):
        own.sample(ASK, params={"model": "tiny-random", "temperature": 9.0})


def test_a_hosted_models_name_is_no_model_of_this_machine(service: Service) -> None:
    opened = service.app.state.service
    with pytest.raises(NotOfferedError, match=r"'gpt-4\.1' needs a judge") as caught:
        own_judge(opened.store, opened.chat, {**JUDGED, "model": "gpt-4.1"})
    assert "`judge:`" in caught.value.hint


def test_a_grader_that_asks_no_model_needs_no_judge(service: Service) -> None:
    opened = service.app.state.service
    assert own_judge(opened.store, opened.chat, {"type": "string_check"}) is None


def test_a_run_over_the_wire_is_judged_by_the_service(service: Service) -> None:
    body = {"grader": JUDGED, "model_sample": "an answer", "item": {}}
    reply = service.post("/fine_tuning/alpha/graders/run", body).json()
    assert reply["model_grader_token_usage_per_model"]["tiny-random"]["total_tokens"] > 0
    assert reply["metadata"]["errors"]["model_grader_server_error"] is False


def test_a_hosted_models_name_is_refused_by_the_wire(service: Service) -> None:
    body = {"grader": {**JUDGED, "model": "gpt-4.1"}, "model_sample": "x", "item": {}}
    reply = service.post("/fine_tuning/alpha/graders/run", body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_grader")


def test_a_judge_from_a_socket_is_refused(service: Service) -> None:
    from starlette.testclient import TestClient

    from rftctl.server.app import create_app

    body = {
        "grader": JUDGED,
        "model_sample": "x",
        "rftctl": {"judge": {"base_url": "https://judge.invalid/v1"}},
    }
    app = create_app(service.home, token="t")
    with TestClient(app) as client:
        headers = {"authorization": "Bearer t"}
        reply = client.post("/v1/fine_tuning/alpha/graders/run", json=body, headers=headers)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "rftctl.judge")


def test_a_training_asks_the_services_own_model(service: Service) -> None:
    """A random judge gives no number, and the job says so; that it was asked shows in what it said."""
    job_id = service.launch(method={"type": "reinforcement", "reinforcement": {"grader": JUDGED}})
    job = service.wait(job_id, lambda job: job["status"] in ("failed", "succeeded"))
    assert job["status"] == "failed"
    assert job["error"]["code"] == "ungradable"
    assert "judge" in job["error"]["message"]
