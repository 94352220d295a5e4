"""A hostile spec in a pull request reaches nothing, and is told so: no host, no file, no key, no command.

The spec belongs to a stranger, config.yaml and the environment to the user. A listener on loopback counts who
connects; a marker file shows whether a command ran; a secret outside the project shows whether it was read.
"""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.conftest import TINY_SPEC, run_rftctl, write_tiny_spec

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

KEY = "canary-of-the-user-0123456789"
SECRET = "the-secret-outside-the-project"
GRADER = TINY_SPEC[TINY_SPEC.index("grader:") : TINY_SPEC.index("hyperparameters")]


@dataclass
class Stage:
    """Where a hostile spec is tried out."""

    folder: Path
    socket: socket.socket
    connections: list[object] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}/v1"

    def count(self) -> None:
        while True:
            try:
                self.connections.append(self.socket.accept()[1])
            except OSError:
                return

    def fill(self, text: str) -> str:
        names = {
            "URL": self.url,
            "PORT": str(self.socket.getsockname()[1]),
            "MARK": str(self.folder / "mark"),
        }
        for name, value in (*names.items(), ("OUTSIDE", str(self.folder / "outside"))):
            text = text.replace(f"<{name}>", value)
        return text

    def run(self, command: str, spec: Path) -> subprocess.CompletedProcess[str]:
        return run_rftctl(*command.split(), str(spec), home=self.folder / "home", OPENAI_API_KEY=KEY)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Give the test a project, a secret beside it, and a listener that counts."""
    (tmp_path / "outside").write_text(SECRET)
    (tmp_path / "outside.jsonl").write_text(
        json.dumps({"messages": [{"role": "user", "content": SECRET}]}) + "\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stage = Stage(tmp_path, listener)
        threading.Thread(target=stage.count, daemon=True).start()
        yield stage
        listener.shutdown(socket.SHUT_RDWR)


MESSAGE = "{role: user, content: '{{sample.output_text}}'}"
JUDGED = f"grader: {{type: score_model, name: j, model: m, input: [{MESSAGE}]}}\n"
HOSTILE = {
    "a judge of its own": (
        JUDGED + "judge: {base_url: '<URL>', api_key_env: OPENAI_API_KEY, model: m}\n",
        "judge",
    ),
    "a judge that nobody defined": (JUDGED + "judge: evil\n", "config.yaml"),
    "a section of judges": (GRADER + "judges: {evil: {base_url: '<URL>'}}\n", "config.yaml"),
    "a provider that nobody defined": (GRADER + "provider: evil\n", "provider"),
    "a provider that is an address": (GRADER + "provider: '<URL>'\n", "provider"),
    "a section of providers": (GRADER + "providers: {openai: {base_url: '<URL>'}}\n", "config.yaml"),
    "an address of its own": (GRADER + "base_url: '<URL>'\n", "config.yaml"),
    "a key variable": (GRADER + "api_key_env: OPENAI_API_KEY\n", "config.yaml"),
    "a key": (GRADER + "api_key: 'sk-abcdefghijklmnop0123'\n", "api_key"),
    "a notifier": (GRADER + "notifiers: {x: {command: 'touch <MARK>'}}\n", "config.yaml"),
    "a notifying rule": (
        GRADER + "watch: {rules: [{when: plateau, patience: 1, then: 'touch <MARK>'}]}\n",
        "watch.rules",
    ),
    "a command in YAML": (GRADER + "suffix: !!python/object/apply:os.system ['touch <MARK>']\n", "tag"),
    "a header": (GRADER + "headers: {Authorization: 'Bearer x'}\n", "config.yaml"),
    "a grader elsewhere that holds a password": (
        "grader: {type: endpoint, name: e, url: 'https://u:p@127.0.0.1:<PORT>/x'}\n",
        "grader",
    ),
    "a file outside": (
        GRADER.replace("grader:", "training_file: ../outside.jsonl\ngrader:", 1),
        "outside the project",
    ),
    "a file named from the root": (
        GRADER.replace("grader:", "training_file: '<OUTSIDE>.jsonl'\ngrader:", 1),
        "outside the project",
    ),
    "a grader's source outside": (
        "grader: {type: python, name: p, source_file: ../outside}\n",
        "outside the project",
    ),
    "an evaluation file outside": (
        GRADER + "evaluate: {test_file: ../outside.jsonl}\n",
        "outside the project",
    ),
    "cases outside": (GRADER + "cases: ../outside.jsonl\n", "outside the project"),
    "a link to a file outside": (
        GRADER.replace("grader:", "training_file: link.jsonl\ngrader:", 1),
        "outside the project",
    ),
    "a device": (GRADER.replace("grader:", "training_file: /dev/stdin\ngrader:", 1), "outside the project"),
    "a pipe": (GRADER.replace("grader:", "training_file: pipe.jsonl\ngrader:", 1), "not a regular file"),
}


def write_hostile(stage: Stage, text: str) -> Path:
    """Write the tiny spec with the hostile lines in place of its own of the same name."""
    import os

    lines = TINY_SPEC.replace(GRADER, "").splitlines(keepends=True)
    taken = {line.split(":")[0] for line in text.splitlines() if line[:1].isalpha()}
    kept = "".join(line for line in lines if line.split(":")[0] not in taken)
    spec = write_tiny_spec(stage.folder / "project", kept + stage.fill(text))
    (spec.parent / "link.jsonl").symlink_to(stage.folder / "outside.jsonl")
    os.mkfifo(spec.parent / "pipe.jsonl")
    return spec


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_spec_reaches_nothing_and_is_told_so(name: str, stage: Stage) -> None:
    text, words = HOSTILE[name]
    spec = write_hostile(stage, text)
    done = stage.run("launch --yes", spec)
    said = done.stdout + done.stderr
    assert done.returncode in (3, 6), said
    assert words in said
    assert stage.connections == []
    assert SECRET not in said
    assert KEY not in said
    assert not (stage.folder / "mark").exists()


@pytest.mark.parametrize("command", ["validate", "grade", "cost estimate", "run --yes"])
@pytest.mark.parametrize("name", ["a judge of its own", "a link to a file outside", "a command in YAML"])
def test_no_other_command_is_more_trusting(command: str, name: str, stage: Stage) -> None:
    done = stage.run(command, write_hostile(stage, HOSTILE[name][0]))
    assert done.returncode == 3, done.stdout + done.stderr
    assert stage.connections == []
    assert SECRET not in done.stdout + done.stderr
    assert not (stage.folder / "mark").exists()


@pytest.mark.parametrize("place", ["name", "suffix", "model", "metadata: {x", "targets: {x: {name"])
def test_a_variable_in_a_spec_is_never_the_users_key(place: str, stage: Stage) -> None:
    closing = place.count("{") * "}"
    spec = write_hostile(stage, f"{GRADER}{place}: '${{OPENAI_API_KEY}}'{closing}\n")
    done = stage.run("validate", spec)
    assert KEY not in done.stdout + done.stderr
    done = stage.run("launch --yes", spec)
    files = [path for path in (stage.folder / "home").rglob("*") if path.is_file()]
    assert [path.name for path in files if KEY.encode() in path.read_bytes()] == []


@pytest.mark.parametrize(
    "line", ["provider: evil", "provider: '<URL>'", "judge: evil", "training_file: ../outside.jsonl"]
)
def test_a_target_is_trusted_no_more_than_its_spec(line: str, stage: Stage) -> None:
    spec = write_hostile(stage, f"{GRADER}targets: {{x: {{{line}}}}}\n")
    done = stage.run("launch --yes --target x", spec)
    assert done.returncode == 3, done.stdout + done.stderr
    assert stage.connections == []
    assert SECRET not in done.stdout + done.stderr


SPY = """\
def grade(sample, item):
    import os, socket, subprocess
    found = []
    try:
        found.append(open('<OUTSIDE>').read())
    except OSError:
        pass
    try:
        socket.create_connection(('127.0.0.1', <PORT>), timeout=2).close()
        found.append('connected')
    except OSError:
        pass
    try:
        subprocess.run(['touch', '<MARK>'], check=True)
        found.append('ran')
    except Exception:
        pass
    found += [value for value in os.environ.values() if 'canary' in value]
    raise ValueError('found ' + repr(found))
"""


def test_a_hostile_grader_finds_nothing(stage: Stage) -> None:
    source = json.dumps(stage.fill(SPY))
    spec = write_hostile(stage, f"grader: {{type: python, name: spy, source: {source}}}\n")
    done = stage.run("grade", spec)
    said = " ".join((done.stdout + done.stderr).split())
    assert "found []" in said
    assert done.returncode == 4
    assert stage.connections == []
    assert not (stage.folder / "mark").exists()


def test_pictures_that_lie_elsewhere_are_not_fetched(stage: Stage) -> None:
    spec = write_hostile(stage, GRADER)
    picture = {"type": "image_url", "image_url": {"url": f"{stage.url}/x.png"}}
    content = [{"type": "text", "text": "look"}, picture]
    row = {"messages": [{"role": "user", "content": content}], "answer": "a"}
    (spec.parent / "train.jsonl").write_text((json.dumps(row) + "\n") * 16)
    stage.run("validate", spec)
    assert stage.connections == []
