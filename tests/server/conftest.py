"""A real service in process, talked to through the official SDK; every reply is judged on its way."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import httpx2
import openai
import pytest
import yaml
from jsonschema import Draft202012Validator

from rftctl.server.app import create_app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

_DESCRIPTION = Path(
    os.environ.get("RFTCTL_OPENAPI")
    or Path(__file__).parents[2].parent / "shared" / "openapi" / "fine-tuning.yaml"
)
DEADLINE_S = 120.0
T = TypeVar("T")


class WireJudge:
    """Checks replies against the published description of the API."""

    def __init__(self, description: dict[str, Any]) -> None:
        self._components = description["components"]
        self._paths = [
            (re.compile(re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(f"/v1{path}"))), operations)
            for path, operations in description["paths"].items()
        ]
        self.n_checked = 0

    async def check(self, reply: httpx2.Response) -> None:
        """Raise when a JSON reply does not fit what its operation promises."""
        schema = self._schema(reply.request.method, reply.request.url.path, reply.status_code)
        if schema is None or "json" not in reply.headers.get("content-type", ""):
            return
        await reply.aread()
        Draft202012Validator(schema | {"components": self._components}).validate(reply.json())
        self.n_checked += 1

    def _schema(self, method: str, path: str, status: int) -> dict[str, Any] | None:
        for pattern, operations in self._paths:
            if pattern.fullmatch(path) and method.lower() in operations:
                replies = operations[method.lower()]["responses"]
                content = replies.get(str(status), {}).get("content", {})
                return dict(content["application/json"]["schema"]) if "application/json" in content else None
        return None


class Service:
    """One service: its app, the SDK's client of it, and a loop to run both in."""

    finished = ""
    """The id of the job that the `trained` fixture ran."""

    def __init__(self, home: Path, judge: WireJudge | None) -> None:
        self.home = home
        self.app = create_app(home)
        self._runner = asyncio.Runner()
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.app),
            base_url="http://local",
            timeout=DEADLINE_S,
            event_hooks={"response": [judge.check] if judge else []},
        )
        self.client = openai.AsyncOpenAI(
            base_url="http://local/v1", api_key="none", http_client=self.http, max_retries=0
        )

    def run(self, call: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await call

        return self._runner.run(awaited())

    def request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        return self.run(self.http.request(method, f"/v1{path}", **options))

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return dict(self.request("GET", path, params=query).raise_for_status().json())

    def post(self, path: str, body: dict[str, Any] | None = None) -> httpx2.Response:
        return self.request("POST", path, json=body)

    def upload(self, content: bytes, name: str = "rows.jsonl") -> str:
        return self.run(self.client.files.create(file=(name, content), purpose="fine-tune")).id

    def launch(self, **changes: Any) -> str:
        body = job_body(self.upload(rows(6)), self.upload(rows(2))) | changes
        reply = self.post("/fine_tuning/jobs", body)
        assert reply.status_code == 200, reply.text
        return str(reply.json()["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        return self.get(f"/fine_tuning/jobs/{job_id}")

    def act(self, job_id: str, verb: str) -> httpx2.Response:
        return self.post(f"/fine_tuning/jobs/{job_id}/{verb}")

    def events(self, job_id: str) -> list[dict[str, Any]]:
        return list(self.get(f"/fine_tuning/jobs/{job_id}/events", limit=100)["data"])

    def steps(self, job_id: str) -> list[int]:
        return sorted(e["data"]["step"] for e in self.events(job_id) if e["type"] == "metrics")

    def checkpoints(self, job_id: str) -> list[dict[str, Any]]:
        return list(self.get(f"/fine_tuning/jobs/{job_id}/checkpoints")["data"])

    def wait(self, job_id: str, is_there: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Poll a job until it is there, or fail with its log."""
        deadline = time.monotonic() + DEADLINE_S
        while not is_there(job := self.job(job_id)):
            if time.monotonic() > deadline:
                log = (self.home / "jobs" / job_id / "worker.log").read_text()
                pytest.fail(f"job stayed {job['status']} at step {job['rftctl']['last_step']}\n{log}")
            time.sleep(0.03)
        return job

    def wait_for(self, job_id: str, *statuses: str) -> dict[str, Any]:
        job = self.wait(job_id, lambda job: job["status"] in {*statuses, "failed"})
        assert job["status"] in statuses, job["error"]
        return job

    def wait_for_step(self, job_id: str, step: int) -> dict[str, Any]:
        return self.wait(job_id, lambda job: job["rftctl"]["last_step"] >= step)

    def weights(self, job_id: str) -> bytes:
        """The adapter of the newest checkpoint."""
        folder = Path(self.checkpoints(job_id)[0]["rftctl"]["folder"])
        return (folder / "adapter_model.safetensors").read_bytes()

    def close(self) -> None:
        self.run(self.http.aclose())
        self.app.state.service.close()
        self.app.state.service.store.close()
        self._runner.close()


MULTI = {
    "type": "multi",
    "name": "both",
    "calculate_output": "(length + exact) / 2",
    "graders": {
        "length": {
            "reference": "{{item.answer}}",
            "evaluation_metric": "fuzzy_match",
            "type": "text_similarity",
            "input": "{{sample.output_text}}",
            "name": "closeness",
        },
        "exact": {
            "type": "string_check",
            "name": "e",
            "input": "{{sample.output_text}}",
            "reference": "e",
            "operation": "ilike",
        },
    },
}
"""A grader that a random model can earn something with, its keys in no order of ours."""

ENGINE = {"num_generations": 4, "max_completion_tokens": 8, "max_steps": 24, "learning_rate": 0.003}


def rows(n: int) -> bytes:
    lines = [
        {"messages": [{"role": "user", "content": f"{i}"}], "answer": "the answer is eeee"} for i in range(n)
    ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def job_body(training_file: str, validation_file: str | None = None, **engine: Any) -> dict[str, Any]:
    hyperparameters = {"n_epochs": 50, "batch_size": 2, "eval_interval": 2}
    return {
        "model": "tiny-random",
        "training_file": training_file,
        "validation_file": validation_file,
        "seed": 7,
        "method": {
            "type": "reinforcement",
            "reinforcement": {"grader": MULTI, "hyperparameters": hyperparameters},
        },
        "rftctl": {"engine": ENGINE | engine},
    }


@pytest.fixture(scope="session", autouse=True)
def _worker_environment() -> Iterator[None]:
    """One thread a worker, and no attempt to reach a hub."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(scope="session")
def judge() -> WireJudge | None:
    if not _DESCRIPTION.exists():
        return None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return WireJudge(yaml.load(_DESCRIPTION.read_text("utf-8"), loader))


@pytest.fixture
def service(tmp_path: Path, judge: WireJudge | None) -> Iterator[Service]:
    """A service with an empty home."""
    service = Service(tmp_path / "local", judge)
    yield service
    service.close()


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, judge: WireJudge | None) -> Iterator[Service]:
    """A service on which one job has run to its end; only read by tests."""
    service = Service(tmp_path_factory.mktemp("trained") / "local", judge)
    service.finished = service.launch(suffix="demo", metadata={"team": "a", "run": "1"})
    service.wait_for(service.finished, "succeeded")
    yield service
    service.close()
