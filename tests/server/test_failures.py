"""Jobs that fail say why, in their own `error`."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

from rftctl.errors import StorageError, UngradableError
from rftctl.server.failures import describe

if TYPE_CHECKING:
    from conftest import Service


def failed(service: Service, **changes: Any) -> dict[str, Any]:
    job_id = service.launch(**changes)
    error = service.wait(job_id, lambda job: job["status"] == "failed")["error"]
    assert service.events(job_id)[0]["message"] == error["message"]
    return dict(error)


def grading_with(grader: dict[str, Any]) -> dict[str, Any]:
    return {"method": {"type": "reinforcement", "reinforcement": {"grader": grader}}}


def test_a_broken_training_row_fails_the_job_and_names_the_line(service: Service) -> None:
    good = b'{"messages": [{"role": "user", "content": "x"}]}\n'
    error = failed(service, training_file=service.upload(good * 2 + b'{"messages": [}\n', "my rows.jsonl"))
    assert (error["code"], error["param"]) == ("invalid_training_file", "training_file")
    assert "my rows.jsonl:3:" in error["message"]
    assert str(service.home) not in error["message"]


def test_a_broken_validation_row_is_told_apart(service: Service) -> None:
    error = failed(service, validation_file=service.upload(b'{"messages": []}\n', "v.jsonl"))
    assert (error["code"], error["param"]) == ("invalid_validation_file", "validation_file")
    assert "v.jsonl:1" in error["message"]


def test_a_model_grader_without_a_judge_fails_the_job(service: Service) -> None:
    grader = {"type": "score_model", "name": "x", "model": "gpt", "input": [{"role": "user", "content": "?"}]}
    error = failed(service, **grading_with(grader))
    assert (error["code"], error["param"]) == ("invalid_grader", "method.reinforcement.grader")


def test_an_unknown_model_fails_the_job_with_the_way_out(service: Service) -> None:
    error = failed(service, model="no-such/model")
    assert error["code"] == "not_offered"
    assert "model 'no-such/model'" in error["message"]


def test_an_adapter_is_not_trained_further(trained: Service) -> None:
    error = failed(trained, model=trained.job(trained.finished)["fine_tuned_model"])
    assert (error["code"], error["param"]) == ("not_offered", "model")
    assert "start from 'tiny-random'" in error["message"]


def test_a_grader_that_always_fails_is_named_in_the_error() -> None:
    error = describe(UngradableError("grader 'x' failed on 8 of 8 samples: no key 'a'", "try it first"))
    assert error == {
        "code": "ungradable",
        "message": "grader 'x' failed on 8 of 8 samples: no key 'a'; try it first",
        "param": "method.reinforcement.grader",
    }


def test_a_full_disk_has_its_own_code() -> None:
    cause = OSError(errno.ENOSPC, "No space left on device")
    error = StorageError("checkpoint cannot be written")
    error.__cause__ = cause
    assert describe(error)["code"] == "out_of_disk"


def test_a_bug_points_to_the_log() -> None:
    error = describe(ZeroDivisionError("division by zero"))
    assert error["code"] == "internal"
    assert (
        error["message"]
        == "the worker failed with ZeroDivisionError: division by zero; its log has the details"
    )
