"""What a create request may say, key by key."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from rftctl.server.refusal import RefusalError
from rftctl.server.schema import check_create, parse_json

if TYPE_CHECKING:
    from conftest import Service

GRADER = {"type": "string_check", "name": "x", "operation": "eq", "input": "a", "reference": "a"}
BODY = {
    "model": "tiny-random",
    "training_file": "file-a",
    "method": {"type": "reinforcement", "reinforcement": {"grader": GRADER, "hyperparameters": {}}},
}
_R = "method.reinforcement"
_H = f"{_R}.hyperparameters"


def changed(path: str, value: Any) -> dict[str, Any]:
    body = copy.deepcopy(BODY)
    *parents, last = path.split(".")
    place: Any = body
    for name in parents:
        place = place.setdefault(name, {})
    place[last] = value
    return body


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("validation_file", None),
        ("suffix", "mine"),
        ("metadata", {"k": "v"}),
        ("integrations", []),
        (f"{_H}.batch_size", 256),
        (f"{_H}.compute_multiplier", 10),
        (f"{_H}.learning_rate_multiplier", 0.5),
        (f"{_H}.n_epochs", "auto"),
        (f"{_R}.response_format", {"type": "json_schema", "json_schema": {}}),
        (f"{_R}.tools", [{"type": "function"}]),
        ("rftctl", {"engine": {"lora_rank": 4}, "judge": {"base_url": "https://judge.example/v1"}}),
    ],
)
def test_what_the_api_offers_is_taken(path: str, value: Any) -> None:
    assert check_create(changed(path, value)).model == "tiny-random"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model", ""),
        ("training_file", None),
        ("suffix", "x" * 65),
        ("seed", -1),
        ("seed", True),
        ("metadata", {"k": 1}),
        ("metadata", {str(i): "v" for i in range(17)}),
        ("integrations", [{"type": "wandb"}]),
        ("hyperparameters", {"n_epochs": 1}),
        ("bogus", 1),
        ("method.type", "dpo"),
        (f"{_R}.grader", "x"),
        (f"{_R}.grader.type", 1),
        (f"{_R}.max_episode_steps", 3),
        (f"{_H}.batch_size", 257),
        (f"{_H}.batch_size", "many"),
        (f"{_H}.n_epochs", 0),
        (f"{_H}.compute_multiplier", 0.00001),
        (f"{_H}.compute_multiplier", 11),
        (f"{_H}.learning_rate_multiplier", 0),
        (f"{_H}.reasoning_effort", "ultra"),
        (f"{_H}.eval_sample", 1),
        ("rftctl.engine.lora_rank", 0),
        ("rftctl.engine.lorarank", 4),
        ("rftctl.judge", {"base_url": "https://judge.example", "api_key": "sk"}),
    ],
)
def test_what_is_wrong_is_refused_by_its_name(path: str, value: Any) -> None:
    with pytest.raises(RefusalError) as refusal:
        check_create(changed(path, value))
    assert refusal.value.http_status == 400
    assert (refusal.value.param or "").startswith(path.split(":")[0])


def test_a_refusal_shows_the_value_and_the_range() -> None:
    with pytest.raises(RefusalError, match="batch_size' is 257: input should be less than or equal to 256"):
        check_create(changed(f"{_H}.batch_size", 257))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b"\xff",
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_body_that_is_not_strict_json_is_refused(body: bytes) -> None:
    with pytest.raises(RefusalError) as refusal:
        parse_json(body)
    assert refusal.value.code == "invalid_json"


def test_a_job_needs_files_that_are_here(service: Service) -> None:
    reply = service.post("/fine_tuning/jobs", BODY)
    error = reply.json()["error"]
    assert (reply.status_code, error["param"], error["code"]) == (400, "training_file", "file_not_found")


def test_a_wrong_grader_is_refused_before_a_job_exists(service: Service) -> None:
    body = changed(f"{_R}.grader", GRADER | {"operation": "equals"}) | {
        "training_file": service.upload(b"{}\n")
    }
    reply = service.post("/fine_tuning/jobs", body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_grader")
    assert service.get("/fine_tuning/jobs")["data"] == []


def test_a_whole_surrogate_pair_is_text() -> None:
    assert parse_json(b'{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}
