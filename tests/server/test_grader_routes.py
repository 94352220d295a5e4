"""The service's grader endpoints: run and validate."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from rftctl.dataset import Sample

if TYPE_CHECKING:
    from conftest import Service

EXACT = {
    "type": "string_check",
    "name": "exact",
    "operation": "eq",
    "input": "{{sample.output_text}}",
    "reference": "{{item.answer}}",
}


def run(service: Service, grader: dict[str, Any], sample: str, item: dict[str, Any]) -> dict[str, Any]:
    body = {"grader": grader, "model_sample": sample, "item": item}
    reply = service.post("/fine_tuning/alpha/graders/run", body)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def test_a_sample_is_graded(service: Service) -> None:
    reply = run(service, EXACT, "yes", {"answer": "yes"})
    assert reply["reward"] == 1.0
    assert (reply["metadata"]["name"], reply["metadata"]["type"]) == ("exact", "string_check")
    assert not any(value for name, value in reply["metadata"]["errors"].items())


def test_a_failing_grader_answers_200_with_its_flag_and_reward_0(service: Service) -> None:
    reply = run(service, EXACT, "yes", {})
    assert reply["reward"] == 0.0
    assert reply["metadata"]["errors"]["invalid_variable_error"] is True
    assert reply["rftctl"]["reward"] is None
    assert "answer" in reply["rftctl"]["details"]["invalid_variable_error"]


def test_a_sample_that_parses_has_output_json(service: Service) -> None:
    grader = EXACT | {"input": "{{sample.output_json.code}}"}
    assert run(service, grader, '{"code": "A1"}', {"answer": "A1"})["reward"] == 1.0
    assert run(service, grader, "A1", {"answer": "A1"})["metadata"]["errors"]["sample_parse_error"] is True


def test_a_multi_grader_shows_its_parts(service: Service) -> None:
    grader = {"type": "multi", "name": "m", "graders": {"a": EXACT, "b": EXACT}, "calculate_output": "a + b"}
    reply = run(service, grader, "yes", {"answer": "yes"})
    assert reply["reward"] == 2.0
    assert reply["sub_rewards"] == {"a": 1.0, "b": 1.0}


def test_a_valid_grader_comes_back_as_it_was_sent(service: Service) -> None:
    reply = service.post("/fine_tuning/alpha/graders/validate", {"grader": EXACT})
    assert reply.json() == {"grader": EXACT}


@pytest.mark.parametrize(
    "grader", [{"type": "string_check"}, {"type": "nonsense", "name": "x"}, EXACT | {"operation": "equals"}]
)
def test_a_wrong_grader_is_refused(service: Service, grader: dict[str, Any]) -> None:
    reply = service.post("/fine_tuning/alpha/graders/validate", {"grader": grader})
    assert reply.status_code == 400
    assert (reply.json()["error"]["param"], reply.json()["error"]["code"]) == ("grader", "invalid_grader")


def test_a_run_needs_a_text_sample(service: Service) -> None:
    reply = service.post("/fine_tuning/alpha/graders/run", {"grader": EXACT, "model_sample": {"a": 1}})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "model_sample")


def python_grader(source: str) -> dict[str, Any]:
    return {"type": "python", "name": "p", "source": source}


HALF, ONE = (python_grader(f"def grade(sample, item): return {reward}") for reward in (0.5, 1.0))


def test_a_grader_sent_again_is_still_open_and_another_takes_its_place(service: Service) -> None:
    kept = service.app.state.service.kept_grader
    graded = [kept.grade(config, Sample("x"), {}) for config in (HALF, HALF, ONE, HALF)]
    assert [grade.reward for _, grade in graded] == [0.5, 0.5, 1.0, 0.5]
    first, again, other, back = (grader for grader, _ in graded)
    assert first is again
    assert len({id(grader) for grader in (first, other, back)}) == 3


def test_a_grader_that_ended_its_process_is_tried_afresh(service: Service) -> None:
    source = "import os\ndef grade(sample, item):\n    return os._exit(1) if item.get('end') else 1.0"
    rewards = [run(service, python_grader(source), "a", item)["reward"] for item in ({}, {"end": 1}, {})]
    assert rewards == [1.0, 0.0, 1.0]


def test_two_graders_at_once_are_both_served(service: Service) -> None:
    slow = python_grader("import time\ndef grade(sample, item):\n    time.sleep(0.5)\n    return 1.0")
    kept, replies = service.app.state.service.kept_grader, []
    sample = Sample("x")
    threads = [
        threading.Thread(target=lambda: replies.append(kept.grade(slow, sample, {})[1].reward))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies == [1.0, 1.0, 1.0]
