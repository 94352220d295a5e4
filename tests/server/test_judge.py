"""A training whose grader asks a judge."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Service

_GRADER = {
    "type": "score_model",
    "name": "judge",
    "model": "some-model",
    "input": [{"role": "user", "content": "How good is {{sample.output_text}}?"}],
    "range": [0, 1],
}


class _Judge(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        length = len(json.dumps(body["messages"]))
        verdict = json.dumps({"steps": [], "result": (length % 10) / 10})
        reply = {
            "choices": [{"message": {"role": "assistant", "content": verdict}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
        }
        data = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def judge_url() -> Iterator[str]:
    """A judge on loopback that answers at once."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Judge) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()


def test_a_judge_grades_a_training_and_its_tokens_are_counted(service: Service, judge_url: str) -> None:
    job_id = service.launch(
        method={"type": "reinforcement", "reinforcement": {"grader": _GRADER}},
        validation_file=None,
        rftctl={
            "engine": {"num_generations": 4, "max_completion_tokens": 8, "max_steps": 2},
            "judge": {"base_url": judge_url, "api_key_env": None},
        },
    )
    job = service.wait_for(job_id, "succeeded")
    last = service.events(job_id)[2]["data"]
    assert 0 < last["train_mean_reward"] < 1
    assert "full_valid_mean_reward" not in last
    assert last["model_graders_token_usage"]["some-model"]["train_prompt_tokens"] > 0
    assert job["usage_metrics"]["model_grader_tokens"]["some-model"] > 0
    assert job["validation_file"] is None
