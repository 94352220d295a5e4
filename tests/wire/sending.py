"""Everything that rftctl can send, as it really went over a loopback line.

In: a folder to work in. Out: the requests of every command that talks to a provider, for every grader type.
"""

from __future__ import annotations

import io
import os
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import yaml

from rftctl.cli import run_cli
from rftctl.home import Home
from rftctl.providers import connect
from tests.conftest import write_rows
from tests.providers.scripted_server import Request, ScriptedServer, answer
from tests.wire.judge import Sent, read_body

if TYPE_CHECKING:
    from pathlib import Path

FACTS = """\
openai: {models: [{id: lab-model}], judge_models: [{id: lab-judge}], ends_on: null, poll_s: 0.05}
"""
ANSWER, OUTPUT = "{{ item.answer }}", "{{ sample.output_text }}"
CHECK = {"type": "string_check", "name": "same", "input": OUTPUT, "reference": ANSWER, "operation": "eq"}
NEAR = {"type": "text_similarity", "name": "near", "input": OUTPUT, "reference": ANSWER}
NEAR |= {"evaluation_metric": "fuzzy_match"}
PYTHON = {"type": "python", "name": "code", "source": "def grade(sample, item):\n    return 1.0\n"}
SCORE: dict[str, Any] = {"type": "score_model", "name": "judged", "model": "lab-judge", "range": [0, 1]}
SCORE |= {"input": [{"role": "user", "content": f"grade {OUTPUT} against {ANSWER}"}]}
SCORE |= {"sampling_params": {"seed": 1, "top_p": 1.0, "temperature": 0.5, "max_completions_tokens": 99}}
LABEL: dict[str, Any] = {
    "type": "label_model",
    "name": "tone",
    "model": "lab-judge",
    "labels": ["good", "bad"],
}
LABEL |= {"passing_labels": ["good"], "input": [{"role": "user", "content": f"good or bad? {OUTPUT}"}]}
PARTS = {"same": CHECK, "near": NEAR, "code": PYTHON, "judged": SCORE, "tone": LABEL}
MULTI = {"type": "multi", "name": "all", "graders": PARTS, "calculate_output": " + ".join(PARTS)}
GRADERS = {
    "string_check": CHECK,
    "text_similarity": NEAR,
    "python": PYTHON,
    "score_model": SCORE,
    "multi": MULTI,
}
SHAPE = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}
SCHEMA = {"name": "word", "strict": True, "schema": SHAPE | {"additionalProperties": False}}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
PLAIN: dict[str, Any] = {
    "version": 1,
    "provider": "lab",
    "model": "lab-model",
    "training_file": "train.jsonl",
}
PLAIN |= {"validation_file": "valid.jsonl", "evaluate": {"test_file": "test.jsonl"}}
FULL_HYPERPARAMETERS = {
    "n_epochs": 2,
    "batch_size": 4,
    "learning_rate_multiplier": 1.5,
    "compute_multiplier": 2.0,
}
FULL_HYPERPARAMETERS |= {"reasoning_effort": "medium", "eval_interval": 5, "eval_samples": 2}
FULL = {"seed": 7, "suffix": "mine", "metadata": {"team": "a"}, "hyperparameters": FULL_HYPERPARAMETERS}
AUTO = {"hyperparameters": dict.fromkeys(("n_epochs", "batch_size", "compute_multiplier"), "auto")}
SPECS = {name: PLAIN | {"name": name, "grader": grader} for name, grader in GRADERS.items()}
SPECS["full"] = PLAIN | FULL | {"name": "full", "grader": CHECK}
SPECS["auto"] = PLAIN | AUTO | {"name": "auto", "grader": CHECK}
SPECS["shaped"] = PLAIN | {
    "name": "shaped",
    "grader": NEAR | {"input": "{{ sample.output_json.word }}"},
    "response_format": {"type": "json_schema", "json_schema": SCHEMA},
}
SPECS["tools"] = PLAIN | {"name": "tools", "grader": CHECK, "tools": [TOOL]}


def send_everything(folder: Path) -> list[Sent]:
    """Launch a spec of each kind, follow and steer one, and use the provider's other calls."""
    server = ScriptedServer()
    try:
        home = _configure(folder, server)
        for name, spec in SPECS.items():
            path = folder / f"{name}.yaml"
            path.write_text(yaml.safe_dump(spec))
            _run(home, "launch", str(path), "--yes")
            _run(home, "launch", str(path), "--yes", "--again")
        for action in ("pause", "resume", "cancel"):
            _run(home, action)
        server.jobs[-1] |= {"status": "succeeded", "fine_tuned_model": "ft:lab-model"}
        _run(home, "watch", "--timeout", "20")
        _run(home, "evaluate")
        _use_the_rest(folder, server)
        # Looking for a job after a lost reply.
        server.fail("POST", "/fine_tuning/jobs", answer("broken", 500))
        _run(home, "launch", str(path), "--yes", "--again", codes=(9,))
        return [_sent(request) for request in server.requests]
    finally:
        server.close()


def _configure(folder: Path, server: ScriptedServer) -> Path:
    home = folder / "home"
    home.mkdir()
    (home / "config.yaml").write_text(f"providers: {{lab: {{base_url: '{server.url}', profile: openai}}}}\n")
    (home / "profiles.yaml").write_text(FACTS)
    for name, first, count in (("train", 0, 16), ("valid", 100, 4), ("test", 200, 4)):
        write_rows(folder / f"{name}.jsonl", first, count)
    return home


def _run(home: Path, *arguments: str, codes: tuple[int, ...] = (0, 1)) -> None:
    """Call the command line; in this process, since two dozen calls are made."""
    said = io.StringIO()
    with patch.dict(os.environ, {"RFTCTL_HOME": str(home)}), redirect_stdout(said), redirect_stderr(said):
        code = run_cli(list(arguments))
    assert code in codes, f"{arguments}: {code}: {said.getvalue()}"


def _use_the_rest(folder: Path, server: ScriptedServer) -> None:
    home = Home(folder / "home", providers={"lab": {"base_url": server.url, "profile": "openai"}})
    provider = connect("lab", home, {})
    try:
        server.fail("POST", "/run", *[answer({"reward": 1.0})] * len(GRADERS))
        server.fail("POST", "/validate", *[answer({"grader": {}})] * len(GRADERS))
        server.fail("GET", "/models", answer({"data": []}))
        server.fail("GET", "/content", answer(b"{}\n"))
        for grader in GRADERS.values():
            provider.run_grader(grader, "word1", {"answer": "word1"})
            provider.validate_grader(grader)
        provider.models()
        provider.content("file-1")
        provider.checkpoints("ftjob-1")
    finally:
        provider.close()


def _sent(request: Request) -> Sent:
    content_type = request.headers.get("content-type", "")
    query = tuple((name, value) for name, values in request.query.items() for value in values)
    body = read_body(content_type, request.body)
    if content_type.startswith("application/json") and request.body == b"{}":
        # An order without details: the SDK writes an empty object where the description has no body.
        body = None
    path = request.path.removeprefix("/v1")
    return Sent(request.method, path, query, body, content_type.startswith("multipart/"))
