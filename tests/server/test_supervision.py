"""Workers that die, rest, wait and go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rftctl.server.supervision import take_lock

if TYPE_CHECKING:
    import pytest
    from conftest import Service

_GRADER = {"type": "string_check", "name": "x", "operation": "eq", "input": "a", "reference": "a"}


def kill(service: Service, job_id: str, number: int = signal.SIGKILL) -> None:
    os.kill(service.job(job_id)["rftctl"]["worker_pid"], number)


def test_a_killed_worker_is_noticed_and_its_job_goes_on_to_the_same_weights(
    service: Service, trained: Service
) -> None:
    job_id = service.launch(suffix="demo")
    service.wait_for_step(job_id, 5)
    kill(service, job_id)
    job = service.wait(job_id, lambda job: job["status"] == "failed")
    assert job["error"]["code"] == "worker_died"
    assert (
        f"after step {job['rftctl']['last_step']}; rftctl resume continues from step"
        in job["error"]["message"]
    )

    assert service.act(job_id, "resume").json()["status"] in ("queued", "running")
    service.wait_for(job_id, "succeeded")
    assert service.steps(job_id) == list(range(1, 25))
    assert service.weights(job_id) == trained.weights(trained.finished)


def test_a_paused_job_goes_on_to_the_same_weights(service: Service, trained: Service) -> None:
    job_id = service.launch(suffix="demo")
    service.wait_for_step(job_id, 3)
    assert service.act(job_id, "pause").status_code == 200
    paused = service.wait_for(job_id, "paused")
    assert service.checkpoints(job_id)[0]["step_number"] == paused["rftctl"]["last_step"] < 24
    assert paused["finished_at"] is None

    service.act(job_id, "resume")
    service.wait_for(job_id, "succeeded")
    assert service.steps(job_id) == list(range(1, 25))
    assert service.weights(job_id) == trained.weights(trained.finished)


def test_a_terminated_worker_pauses_its_job(service: Service) -> None:
    holder = take_lock(service.home / "engine.lock")
    assert holder is not None
    job_id = service.launch()
    service.wait_for(job_id, "queued")
    kill(service, job_id, signal.SIGTERM)
    assert service.wait_for(job_id, "paused")["error"] is None
    os.close(holder)


def test_one_job_trains_at_a_time_and_a_cancelled_one_makes_way(service: Service) -> None:
    holder = take_lock(service.home / "engine.lock")
    assert holder is not None
    first, second = service.launch(), service.launch()
    service.wait_for(first, "queued")
    service.wait_for(second, "queued")
    assert service.act(first, "cancel").json()["status"] == "cancelled"
    os.close(holder)

    service.wait_for_step(second, 1)
    service.act(second, "cancel")
    job = service.wait_for(second, "cancelled")
    assert job["fine_tuned_model"] is None
    assert len(job["result_files"]) == 1
    assert service.steps(first) == []


def test_a_job_can_rest_and_be_resumed_before_its_first_step(service: Service) -> None:
    holder = take_lock(service.home / "engine.lock")
    assert holder is not None
    job_id = service.launch()
    service.wait_for(job_id, "queued")
    assert service.act(job_id, "pause").json()["status"] == "paused"
    assert service.act(job_id, "resume").json()["status"] == "queued"
    assert service.act(job_id, "cancel").json()["status"] == "cancelled"
    os.close(holder)


def test_a_waiting_worker_that_is_killed_is_noticed(service: Service) -> None:
    holder = take_lock(service.home / "engine.lock")
    assert holder is not None
    job_id = service.launch()
    service.wait_for(job_id, "queued")
    kill(service, job_id)
    job = service.wait(job_id, lambda job: job["status"] == "failed")
    assert "before its first step; rftctl resume starts again" in job["error"]["message"]
    os.close(holder)


def test_the_list_of_jobs_notices_a_dead_worker_too(service: Service) -> None:
    holder = take_lock(service.home / "engine.lock")
    assert holder is not None
    job_id = service.launch()
    kill(service, job_id)
    service.wait(job_id, lambda _: service.get("/fine_tuning/jobs")["data"][0]["status"] == "failed")
    assert service.events(job_id)[0]["level"] == "error"
    os.close(holder)


def test_a_worker_gets_its_judges_key_and_no_other(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    monkeypatch.setenv("OFFICE_KEY", "sk-office")
    holder = take_lock(service.home / "engine.lock")
    assert holder is not None
    judge = {"base_url": "https://judge.example/v1", "api_key_env": "OFFICE_KEY"}
    job_id = service.launch(rftctl={"judge": judge})
    pid = service.wait_for(job_id, "queued")["rftctl"]["worker_pid"]
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    assert b"OMP_WAIT_POLICY" in environment
    assert b"OFFICE_KEY=sk-office" in environment
    assert b"canary" not in environment
    service.act(job_id, "cancel")
    os.close(holder)


_LAUNCHER = """
import asyncio, json, sys
from pathlib import Path
import httpx2
from rftctl.server.app import create_app

async def launch():
    transport = httpx2.ASGITransport(app=create_app(Path(sys.argv[1])))
    async with httpx2.AsyncClient(transport=transport) as client:
        reply = await client.post("http://local/v1/fine_tuning/jobs", json=json.loads(sys.argv[2]))
        print(reply.json()["id"])

asyncio.run(launch())
"""


def test_a_worker_outlives_the_process_that_started_it(service: Service) -> None:
    holder = take_lock(service.home / "engine.lock")
    assert holder is not None
    body = {
        "model": "tiny-random",
        "training_file": service.upload(b'{"messages": [{"role": "user", "content": "x"}]}\n'),
        "method": {"type": "reinforcement", "reinforcement": {"grader": _GRADER}},
    }
    command = [sys.executable, "-c", _LAUNCHER, str(service.home), json.dumps(body)]
    job_id = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert service.wait_for(job_id, "queued")["status"] == "queued"
    service.act(job_id, "cancel")
    os.close(holder)


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    first = take_lock(tmp_path / "lock")
    assert first is not None
    assert take_lock(tmp_path / "lock") is None
    os.close(first)
    second = take_lock(tmp_path / "lock")
    assert second is not None
    os.close(second)
