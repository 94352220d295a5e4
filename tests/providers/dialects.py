"""What each provider's documents say it does differently, as scripted servers.

In: requests. Out: the wire as that provider speaks it: its key header, refusals, statuses and metrics.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, ClassVar

from tests.providers.scripted_server import Reply, Request, ScriptedServer

KEY = "sk-canary-0123456789"


def refusal(status: int, message: str, code: str | None = None) -> Reply:
    """Answer as the API refuses."""
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
    return Reply(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


class Dialect(ScriptedServer):
    """A server with a door: whatever `refuse` answers goes back instead of the act."""

    prefix = "/v1"
    metrics: ClassVar[dict[str, Any]] = {"train_mean_reward": 0.5, "full_valid_mean_reward": 0.25}

    @property
    def root(self) -> str:
        """Where it listens, without the path of the API."""
        return self.url.removesuffix("/v1")

    def respond(self, request: Request) -> Reply | None:
        refused = self.refuse(request, json.loads(request.body) if request.body[:1] == b"{" else {})
        if refused is not None:
            self.requests.append(request)
            return refused
        return super().respond(request)

    def _act(self, request: Request) -> Reply:
        return super()._act(replace(request, path=request.path.removeprefix(self.prefix)))

    def refuse(self, request: Request, body: dict[str, Any]) -> Reply | None:
        """Say no, or None to go on."""
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return refusal(401, "Incorrect API key provided", "invalid_api_key")
        return None

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        job = super()._create(body)
        job |= {key: body.get(key) for key in ("method", "seed", "validation_file")}
        job |= self.describe(body)
        event = {"id": "e1", "created_at": 5, "type": "metrics", "level": "info", "message": ""}
        self.events = [event | {"data": {"step": 1, "total_steps": 4, **self.metrics}}]
        return job

    def describe(self, body: dict[str, Any]) -> dict[str, Any]:
        """Tell what this provider's job objects hold beside the plain ones."""
        return {}


class OpenAI(Dialect):
    """Numbers in place of `auto`, extras that the SDK does not know, both sets of reward names."""

    metrics: ClassVar[dict[str, Any]] = {
        "scores": {"train_reward_mean": 0.5, "valid_reward_mean": 0.25},
        **Dialect.metrics,
    }

    def describe(self, body: dict[str, Any]) -> dict[str, Any]:
        return {
            "status": "validating_files",
            "user_provided_suffix": body.get("suffix"),
            "eval_id": None,
            "usage_metrics": None,
            "shared_with_openai": False,
        }


class Azure(Dialect):
    """The v1 path, its own key header, `trainingType`, `pending`, nulls, deployments before inference."""

    prefix = "/openai/v1"

    def refuse(self, request: Request, body: dict[str, Any]) -> Reply | None:
        if not request.path.startswith(self.prefix):
            return refusal(404, "Resource not found")
        is_signed_in = request.headers.get("authorization") == "Bearer entra-token"
        if request.headers.get("api-key") != KEY and not is_signed_in:
            return refusal(401, "Access denied due to invalid subscription key")
        if request.method == "POST" and request.path.endswith("/jobs") and "trainingType" not in body:
            return refusal(400, "base model does not support fine-tuning")
        if request.path.endswith("/chat/completions"):
            return refusal(404, "The API deployment for this resource does not exist", "DeploymentNotFound")
        return None

    def describe(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"status": "pending", "organization_id": None, "result_files": None}


class Bedrock(Dialect):
    """Lambda graders only, no suffix, no pause, no grader run, no metadata filter, its own metric names."""

    metrics: ClassVar[dict[str, Any]] = {
        "critic_rewards_mean": 0.5,
        "actor_pg_loss": 0.1,
        "response_length_mean": 12.0,
    }

    def refuse(self, request: Request, body: dict[str, Any]) -> Reply | None:
        self.ignores_metadata = True
        if "suffix" in body:
            return refusal(400, "suffix is not supported")
        if request.path.endswith(("/pause", "/resume")) or "/graders/" in request.path:
            return refusal(404, "unknown operation")
        if request.method == "POST" and request.path.endswith("/jobs"):
            grader = body["method"]["reinforcement"]["grader"]
            if grader.get("type") != "lambda" or not grader.get("lambda", {}).get("function"):
                return refusal(400, "grader must be a lambda")
        return super().refuse(request, body)
