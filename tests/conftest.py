"""Fixtures that every room's tests share: a state folder of their own, and a small real run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Several test processes share two cores: more threads than one make all of them slower.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["COLUMNS"] = "80"

REPOSITORY = Path(__file__).parent.parent

TINY_SPEC = """\
version: 1
name: digits
provider: local
model: tiny-random
training_file: train.jsonl
validation_file: valid.jsonl
grader:
  type: text_similarity
  name: near
  input: "{{ sample.output_text }}"
  reference: "{{ item.answer }}"
  evaluation_metric: fuzzy_match
hyperparameters: {n_epochs: 1, batch_size: 4, eval_interval: 2, eval_samples: 1}
engine: {num_generations: 4, max_completion_tokens: 6, learning_rate: 3.0e-3}
seed: 1
evaluate: {test_file: test.jsonl}
cases: cases.jsonl
"""


def write_rows(path: Path, first: int, count: int) -> None:
    """Write rows that ask for a number and carry it as their answer."""
    rows = [
        {"messages": [{"role": "user", "content": f"say the word after {n}"}], "answer": f"word{n}"}
        for n in range(first, first + count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_tiny_spec(folder: Path, text: str = TINY_SPEC) -> Path:
    """Write a spec that the embedded engine finishes in seconds, with its data, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "train.jsonl", 0, 16)
    write_rows(folder / "valid.jsonl", 100, 4)
    write_rows(folder / "test.jsonl", 200, 6)
    cases = [
        {"line": 1, "sample": "word0", "expect": {"reward": 1.0}},
        {"line": 2, "sample": "", "expect": {"max": 0.2}},
    ]
    (folder / "cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    spec = folder / "spec.yaml"
    spec.write_text(text)
    return spec


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a state folder of its own."""
    path = tmp_path / "home"
    monkeypatch.setenv("RFTCTL_HOME", str(path))
    return path


@pytest.fixture
def tiny_spec(tmp_path: Path) -> Path:
    """Give the test a spec that finishes in seconds."""
    return write_tiny_spec(tmp_path / "project")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Give a finished run: a function that calls rftctl in the state folder that holds it.

    Its attributes `home`, `spec` and `report` are the folder, the spec and the `rftctl.run/1` document.
    """
    folder = tmp_path_factory.mktemp("finished")
    spec = write_tiny_spec(folder / "project")

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_rftctl(*arguments, home=folder / "home")

    done = call("run", str(spec), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    call.home, call.spec, call.report = folder / "home", spec, json.loads(done.stdout)  # type: ignore[attr-defined]
    return call


def run_rftctl(
    *arguments: str, home: Path, timeout_s: float = 300, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the real command in a process of its own, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "rftctl", *arguments],
        env={**os.environ, "RFTCTL_HOME": str(home), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


_SERVE = """
import json, sys
from pathlib import Path
from rftctl.server.serve import serve
serve(Path(sys.argv[1]), on_ready=lambda url, token: print(json.dumps([url, token]), flush=True))
"""


@contextmanager
def serving(home: Path) -> Iterator[tuple[str, str]]:
    """Serve from a home in a process of its own: base URL and token; it must end well when interrupted."""
    command = [sys.executable, "-c", _SERVE, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url, token = json.loads(server.stdout.readline())
        yield url, token
        os.kill(server.pid, signal.SIGINT)
        _, stderr = server.communicate(timeout=30)
    assert (server.returncode, stderr) == (0, "")


def read_json(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Read the one JSON document that a command printed."""
    document: dict[str, Any] = json.loads(done.stdout)
    return document
