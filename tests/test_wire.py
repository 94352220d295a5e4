"""The wire's nouns: every spelling a provider uses, nothing invented, nothing lost."""

from __future__ import annotations

from typing import Any

import pytest

from rftctl.wire import Checkpoint, Job, JobEvent

JOB: dict[str, Any] = {
    "object": "fine_tuning.job",
    "id": "ftjob-1",
    "status": "running",
    "model": "m",
    "created_at": 7,
}


def event(**data: Any) -> JobEvent:
    return JobEvent.from_wire({"id": "e", "created_at": 1, "type": "metrics", "data": data})


@pytest.mark.parametrize(
    "data",
    [
        {"scores": {"train_reward_mean": 0.5}},
        {"train_reward_mean": 0.5},
        {"train_mean_reward": 0.5},
        {"critic_rewards_mean": 0.5},
        {"scores": None, "train_mean_reward": 0.5},
        {"scores": {}, "train_mean_reward": 0.5},
    ],
)
def test_the_training_reward_is_read_under_each_of_its_names(data: dict[str, Any]) -> None:
    assert event(**data).train_reward == 0.5


@pytest.mark.parametrize(
    "data",
    [
        {"scores": {"valid_reward_mean": 0.25}},
        {"valid_reward_mean": 0.25},
        {"full_valid_mean_reward": 0.25},
        {"valid_mean_reward": 0.25},
    ],
)
def test_the_validation_reward_is_read_under_each_of_its_names(data: dict[str, Any]) -> None:
    assert event(**data).valid_reward == 0.25


def test_a_reward_of_zero_is_a_reward() -> None:
    found = event(scores={"train_reward_mean": 0.0, "valid_reward_mean": 0}, train_mean_reward=0.9)
    assert found.train_reward == 0.0
    assert found.valid_reward == 0.0


@pytest.mark.parametrize("value", [None, "0.5", True, float("nan"), float("inf")])
def test_what_is_no_finite_number_is_no_reward(value: Any) -> None:
    assert event(train_mean_reward=value).train_reward is None


@pytest.mark.parametrize(
    "status", ["pending", "validating_files", "queued", "running", "pausing", "brand_new"]
)
def test_a_status_that_is_not_known_to_be_final_is_not_final(status: str) -> None:
    job = Job.from_wire({**JOB, "status": status})
    assert not job.is_final
    assert not job.is_resting


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
def test_a_final_status_is_final(status: str) -> None:
    job = Job.from_wire({**JOB, "status": status})
    assert job.is_final
    assert job.is_resting


def test_a_paused_job_rests_but_is_not_final() -> None:
    job = Job.from_wire({**JOB, "status": "paused"})
    assert job.is_resting
    assert not job.is_final


def test_a_job_full_of_nulls_is_read() -> None:
    keys = (
        "error",
        "metadata",
        "result_files",
        "finished_at",
        "fine_tuned_model",
        "training_file",
        "created_at",
    )
    job = Job.from_wire({**JOB, **dict.fromkeys(keys)})
    assert (job.failure, job.metadata, job.result_files, job.created_at) == (None, {}, (), 0)


def test_an_empty_error_object_is_no_failure() -> None:
    assert Job.from_wire({**JOB, "error": {"code": None, "message": None, "param": None}}).failure is None


def test_a_failure_keeps_the_providers_words() -> None:
    failure = Job.from_wire({**JOB, "error": {"code": "invalid_file", "message": "no", "param": "x"}}).failure
    assert failure is not None
    assert (failure.code, failure.message, failure.param) == ("invalid_file", "no", "x")


@pytest.mark.parametrize("broken", [{}, {"id": None}, {"id": ""}, {"id": 3}, {"status": None}, {"status": 1}])
def test_a_job_without_id_or_status_is_refused(broken: dict[str, Any]) -> None:
    raw = {**JOB, **broken} if broken else {}
    with pytest.raises(ValueError, match="id and a status"):
        Job.from_wire(raw)


@pytest.mark.parametrize(
    "broken",
    [
        {"error": "it broke"},
        {"metadata": []},
        {"metadata": "x"},
        {"result_files": 3},
        {"created_at": "yesterday"},
        {"created_at": {}},
    ],
)
def test_a_job_of_the_wrong_shape_is_refused_or_read_but_never_a_crash(broken: dict[str, Any]) -> None:
    try:
        job = Job.from_wire({**JOB, **broken})
    except ValueError:
        return
    assert job.id == "ftjob-1"


@pytest.mark.parametrize("data", [None, {}])
def test_an_event_without_data_has_no_step_and_no_reward(data: Any) -> None:
    found = JobEvent.from_wire({"id": "e", "created_at": 1, "data": data})
    assert (found.step, found.train_reward, found.valid_reward, found.type) == (None, None, None, "message")


@pytest.mark.parametrize("broken", [{"id": 5}, {"id": None}])
def test_an_event_of_the_wrong_shape_is_refused_as_a_value_error(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        JobEvent.from_wire({"id": "e", "created_at": 1, **broken})


def test_a_step_must_be_a_number() -> None:
    assert event(step=3).step == 3
    assert event(step=True).step is None
    assert event(step="3").step is None


def test_a_checkpoint_carries_rewards_beside_the_schemas_losses() -> None:
    raw = {
        "id": "cp",
        "created_at": 1,
        "fine_tuned_model_checkpoint": "ft:x:ckpt-step-2",
        "fine_tuning_job_id": "ftjob-1",
        "step_number": 2,
        "metrics": {"step": 2, "full_valid_mean_reward": 0.0, "note": "text"},
    }
    found = Checkpoint.from_wire(raw)
    assert (found.step, found.valid_reward) == (2, 0.0)
    assert "note" not in found.metrics


@pytest.mark.parametrize("missing", ["id", "fine_tuned_model_checkpoint", "step_number"])
def test_a_checkpoint_without_name_or_step_is_refused_as_a_value_error(missing: str) -> None:
    raw = {"id": "cp", "created_at": 1, "fine_tuned_model_checkpoint": "m", "step_number": 2}
    del raw[missing]
    with pytest.raises(ValueError, match=r"."):
        Checkpoint.from_wire(raw)
