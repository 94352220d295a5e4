"""A fault server as a process of its own, and what a user has to launch against it.

In: a folder. Out: `FaultServer` to control it, `make_project` for a spec, its data and a configured home.
"""

from __future__ import annotations

import http.client
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CANARY = "sk-canary-0123456789abcdefghijklmnop"
REPOSITORY = Path(__file__).parents[2]
SPEC = """\
version: 1
name: digits
provider: lab
model: lab-model
training_file: train.jsonl
validation_file: valid.jsonl
grader: {type: text_similarity, name: near, input: "{{ sample.output_text }}",
         reference: "{{ item.answer }}", evaluation_metric: fuzzy_match}
hyperparameters: {n_epochs: 1, batch_size: 4, eval_interval: 2, eval_samples: 1}
seed: 1
evaluate: {test_file: test.jsonl}
budget: {max_usd: 10}
"""
FACTS = """\
openai:
  models: [{id: lab-model}]
  ends_on: null
  usd_per_training_hour: 100
  step_seconds: [36, 72]
  poll_s: 0.05
"""


class FaultServer:
    """The server's process; use as a context manager."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.server"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self._names = itertools.count(1)

    def __enter__(self) -> FaultServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def world(self, **options: Any) -> World:
        """Make a service of its own, with options and rules."""
        world = World(self.port, f"w{next(self._names)}")
        world.configure(**options)
        return world


class World:
    """The harness's view of one service."""

    def __init__(self, port: int, name: str) -> None:
        self._port, self._path = port, f"/w/{name}"

    @property
    def url(self) -> str:
        """The API's base URL."""
        return f"http://127.0.0.1:{self._port}{self._path}/v1"

    def configure(self, **options: Any) -> None:
        """Set options; `rules` replaces the script."""
        self._ask("PUT", options)

    def fail(self, method: str, path: str, fault: str, **more: Any) -> None:
        """Replace the script by one rule."""
        self.configure(rules=[{"method": method, "path": path, "fault": fault, **more}])

    def heal(self) -> None:
        """Drop the script."""
        self.configure()

    def report(self) -> dict[str, Any]:
        """What the service saw and made."""
        return self._ask("GET", None)

    def jobs(self) -> list[dict[str, Any]]:
        """The jobs really made."""
        return list(self.report()["jobs"])

    def creates(self) -> int:
        """How many creates arrived."""
        return sum(request == ["POST", "/fine_tuning/jobs"] for request in self.report()["requests"])

    def _ask(self, method: str, body: Any) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.request(method, self._path, body=json.dumps(body) if body is not None else None)
        reply: dict[str, Any] = json.loads(connection.getresponse().read())
        connection.close()
        return reply


def make_project(folder: Path, url: str, spec: str = SPEC) -> Path:
    """Write a home that knows the service as `lab`, and a project; returns the spec's path."""
    home, project = folder / "home", folder / "project"
    home.mkdir(parents=True)
    project.mkdir()
    (home / "config.yaml").write_text(
        f"providers:\n  lab: {{base_url: '{url}', profile: openai, api_key_env: LAB_KEY}}\n"
    )
    (home / "profiles.yaml").write_text(FACTS)
    for name, first, count in (("train", 0, 16), ("valid", 100, 4), ("test", 200, 4)):
        (project / f"{name}.jsonl").write_text("".join(_row(n) for n in range(first, first + count)))
    path = project / "spec.yaml"
    path.write_text(spec)
    return path


def _row(n: int) -> str:
    messages = [{"role": "user", "content": f"say the word after {n}"}]
    return json.dumps({"messages": messages, "answer": f"word{n}"}) + "\n"
