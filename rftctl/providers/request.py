"""From a run spec to the API request that launches it.

In: a `SpecFile`, file ids, metadata. Out: the raw body of `POST /fine_tuning/jobs`.
Keys that a provider does not take are left out by its profile, never guessed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rftctl.graders import wire_config

LAUNCH_KEY, RUN_KEY, SPEC_KEY, DATA_KEY = "rftctl_launch", "rftctl_run", "rftctl_spec", "rftctl_data"
"""A job's metadata that are rftctl's own: by them a job is found again from any machine. The API takes 16
pairs of 64 and 512 characters, and `validate` keeps these four free."""

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rftctl.profiles import Profile
    from rftctl.spec import SpecFile


def job_request(
    spec_file: SpecFile,
    profile: Profile,
    *,
    training_file: str,
    validation_file: str | None,
    metadata: dict[str, str],
    judge: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Build the create request.

    `response_format` and `tools` stand inside `method.reinforcement`, where the RFT guide puts them, although
    the published schema does not name them there. The grader is the user's JSON, untouched.

    Args:
        judge: the user's own judge for model graders; goes only where the embedded engine runs.
    """
    spec = spec_file.spec
    reinforcement: dict[str, Any] = {
        "grader": wire_config(spec_file.grader),
        "hyperparameters": spec.hyperparameters.model_dump(exclude_unset=True),
    }
    if spec.response_format is not None:
        reinforcement["response_format"] = spec.response_format
    if spec.tools is not None:
        reinforcement["tools"] = list(spec.tools)
    body: dict[str, Any] = {
        "model": spec.model,
        "training_file": training_file,
        "method": {"type": "reinforcement", "reinforcement": reinforcement},
        "metadata": {**spec.metadata, **metadata},
    }
    optional = {"validation_file": validation_file, "suffix": spec.suffix, "seed": spec.seed}
    body |= {key: value for key, value in optional.items() if value is not None}
    body = {**profile.request_keys, **body}
    if profile.accepts_engine:
        body["rftctl"] = {"engine": spec.engine.model_dump(exclude_unset=True)}
        if judge is not None:
            body["rftctl"]["judge"] = dict(judge)
    return body


def chat_request(
    messages: list[dict[str, Any]],
    *,
    response_format: dict[str, Any] | None,
    tools: list[dict[str, Any]] | None,
    max_completion_tokens: int | None,
    temperature: float | None,
    seed: int | None,
) -> dict[str, Any]:
    """Build the body of a chat request, without its model; None leaves a key out."""
    optional = {
        "response_format": response_format,
        "tools": tools,
        "max_completion_tokens": max_completion_tokens,
        "temperature": temperature,
        "seed": seed,
    }
    return {"messages": messages} | {key: value for key, value in optional.items() if value is not None}
