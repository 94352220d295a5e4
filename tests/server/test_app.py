"""The app's door and its manners: who may ask, and how it says no."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from rftctl.server.app import create_app

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Service

TOKEN = "t" * 43
HOST = "127.0.0.1:8000"
GOOD = {"authorization": f"Bearer {TOKEN}", "host": HOST}


def ask_guarded(home: Path, headers: dict[str, str], method: str = "GET", **options: Any) -> httpx2.Response:
    async def ask() -> httpx2.Response:
        app = create_app(home, token=TOKEN, allowed_hosts=[HOST])
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app)) as client:
            return await client.request(method, f"http://{HOST}/v1/files", headers=headers, **options)

    return asyncio.run(ask())


def test_the_right_token_host_and_origin_pass(tmp_path: Path) -> None:
    assert ask_guarded(tmp_path, GOOD).status_code == 200
    assert ask_guarded(tmp_path, GOOD | {"origin": f"http://{HOST}"}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"host": HOST}, 401, "invalid_api_key"),
        (GOOD | {"authorization": "Bearer nope"}, 401, "invalid_api_key"),
        (GOOD | {"authorization": TOKEN}, 401, "invalid_api_key"),
        (GOOD | {"host": "evil.example"}, 403, "host_not_allowed"),
        (GOOD | {"host": "127.0.0.1:8001"}, 403, "host_not_allowed"),
        (GOOD | {"origin": "http://evil.example"}, 403, "origin_not_allowed"),
        (GOOD | {"origin": "null"}, 403, "origin_not_allowed"),
    ],
)
def test_strangers_are_refused(tmp_path: Path, headers: dict[str, str], status: int, code: str) -> None:
    reply = ask_guarded(tmp_path, headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    assert TOKEN not in reply.text


def test_a_form_post_from_a_web_page_is_refused(tmp_path: Path) -> None:
    headers = GOOD | {"content-type": "application/x-www-form-urlencoded"}
    assert ask_guarded(tmp_path, headers, "POST", content=b"a=b").status_code == 415


def test_a_served_app_takes_no_judge_from_a_request(tmp_path: Path) -> None:
    async def ask() -> httpx2.Response:
        app = create_app(tmp_path, token=TOKEN)
        grader = {"type": "string_check", "name": "x", "operation": "eq", "input": "a", "reference": "a"}
        body = {
            "model": "m",
            "training_file": "f",
            "method": {"type": "reinforcement", "reinforcement": {"grader": grader}},
            "rftctl": {"judge": {"base_url": "http://localhost", "api_key_env": "HOME"}},
        }
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app)) as client:
            return await client.post(f"http://{HOST}/v1/fine_tuning/jobs", json=body, headers=GOOD)

    reply = asyncio.run(ask())
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "rftctl.judge")


def test_an_unknown_path_is_a_404_in_the_apis_form(service: Service) -> None:
    reply = service.request("GET", "/nonsense")
    assert reply.status_code == 404
    assert reply.json()["error"] == {
        "message": "unknown path '/v1/nonsense'",
        "type": "invalid_request_error",
        "param": None,
        "code": "not_found",
    }


def test_a_wrong_method_is_a_405_in_the_apis_form(service: Service) -> None:
    reply = service.request("PUT", "/files")
    assert (reply.status_code, reply.json()["error"]["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    ("path", "noun"),
    [("/fine_tuning/jobs/ftjob-no", "fine-tuning job"), ("/files/file-no", "file"), ("/models/no", "model")],
)
def test_a_name_of_nothing_is_a_404_that_says_so(service: Service, path: str, noun: str) -> None:
    reply = service.request("GET", path)
    assert reply.status_code == 404
    assert reply.json()["error"]["message"].startswith(f"no such {noun}: '")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "limit=-1", "after=ftjob-no", "order=up"]
)
def test_a_wrong_page_is_refused(service: Service, query: str) -> None:
    reply = service.request("GET", f"/fine_tuning/jobs?{query}")
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, query.split("=")[0])


def test_models_lists_what_is_here_and_never_shuts_down(trained: Service) -> None:
    names = {model["id"]: model for model in trained.get("/models")["data"]}
    tuned = trained.job(trained.finished)["fine_tuned_model"]
    assert {"tiny-random", tuned, f"{tuned}:ckpt-step-24"} <= set(names)
    assert trained.get(f"/models/{tuned}") == names[tuned]
    assert all(model["shutdown_date"] is None for model in names.values())


def test_a_body_over_the_cap_is_a_413(service: Service) -> None:
    reply = service.request(
        "POST",
        "/fine_tuning/jobs",
        content=b"[" * (10 * 2**20 + 1),
        headers={"content-type": "application/json"},
    )
    assert reply.status_code == 413
