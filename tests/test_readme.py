"""The README's commands, run in order as a newcomer would type them, on a model that needs no minutes."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.conftest import REPOSITORY
from tests.docs import refreshed

if TYPE_CHECKING:
    from collections.abc import Iterator

README = (REPOSITORY / "README.md").read_text()
TOUR, BEYOND = (
    README.split("## A tour in five minutes")[1].split("## In scripts")[0].split("## Beyond the tour")
)


def blocks(language: str, text: str = TOUR) -> list[str]:
    """Return the code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands_in(text: str) -> list[str]:
    """Return the commands of the shell blocks, without their comments."""
    return [line.split("#")[0].strip() for block in blocks("bash", text) for line in block.splitlines()]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy what the tour uses, the model replaced by one that needs no training time."""
    for name in ("configs", "samples/quickstart"):
        shutil.copytree(REPOSITORY / name, tmp_path / name)
    (tmp_path / "pyproject.toml").touch()
    path = tmp_path / "configs" / "quickstart.yaml"
    spec = yaml.safe_load(path.read_text())
    spec["model"] = "tiny-random"
    spec["engine"] |= {"max_steps": 2, "num_generations": 2, "max_completion_tokens": 4}
    spec["evaluate"] |= {"max_examples": 4, "min_difference": None}
    path.write_text(yaml.safe_dump(spec))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RFTCTL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def test_every_command_of_the_tour_works_in_order(checkout: Path) -> None:
    commands = commands_in(TOUR)
    assert len(commands) > 8
    for command in commands:
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def test_every_command_beyond_the_tour_works_on_a_launched_run(checkout: Path) -> None:
    rows = [f"the {word} is broken {n},{word}" for n in range(30) for word in ("card", "parcel", "login")]
    (checkout / "tickets.csv").write_text("\n".join(["text,label", *rows]))
    subprocess.run(["rftctl", "run", "configs/quickstart.yaml", "-q"], timeout=300, check=True)
    shown = subprocess.run(["rftctl", "runs", "show", "--json"], capture_output=True, check=True)
    job_id = json.loads(shown.stdout)["run"]["job_id"]
    for number, command in enumerate(commands_in(BEYOND)):
        spec = "quickstart-python" if "--export-lambda" in command else "quickstart"
        typed = re.sub(r"\b(OUT_)?DIR\b", f"new-{number}", command.replace("RUN --", "--"))
        typed = typed.replace("SPEC", f"configs/{spec}.yaml").replace("JOB_ID", job_id)
        done = subprocess.run(typed, shell=True, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{typed}: {done.stdout}{done.stderr}"


@pytest.fixture
def served(checkout: Path) -> Iterator[dict[str, str]]:
    """Serve the embedded engine and give the variables that `rftctl serve` tells its user to export."""
    server = subprocess.Popen(["rftctl", "serve", "--port", "0"], stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    try:
        exports: dict[str, str] = {}
        while len(exports) < 2:
            line = server.stderr.readline()
            assert line, "the server ended"
            if line.startswith("export "):
                name, _, value = line.removeprefix("export ").strip().partition("=")
                exports[name] = value
        yield exports
    finally:
        server.terminate()
        server.wait(30)
        server.stderr.close()


def test_the_official_client_trains_and_chats_through_serve(checkout: Path, served: dict[str, str]) -> None:
    script = blocks("python")[0]
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **served, "MODEL": "tiny-random"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "train mean reward" in done.stdout
    assert "ChatCompletion(" in done.stdout


def test_the_spec_shown_in_the_readme_is_valid(checkout: Path) -> None:
    (checkout / "configs" / "shown.yaml").write_text(blocks("yaml")[0])
    done = subprocess.run(["rftctl", "validate", "configs/shown.yaml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_generated_tables_are_fresh() -> None:
    assert refreshed(README) == README
