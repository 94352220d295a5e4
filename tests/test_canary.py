"""The canary keys: whatever goes wrong in whatever command and format, no key is written anywhere.

Every command of the application is walked, so that a new one is under test the moment it exists. Each runs in
a child forked after the imports, in every format it offers, under every fault.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
import typer

from rftctl.cli import app  # the package registers every command
from tests.commands.conftest import LAB_FACTS, LAB_SPEC
from tests.conftest import run_rftctl, write_tiny_spec
from tests.providers.scripted_server import Reply, Request, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARIES = {
    "OPENAI_API_KEY": "canary-openai-k3y-0001/x+y=",
    "AZURE_OPENAI_API_KEY": "canary-azure-k3y-0002",
    "AZURE_OPENAI_AD_TOKEN": "canary-entra-t0ken-0003",
    "AWS_BEARER_TOKEN_BEDROCK": "canary-bedrock-t0ken-0004",
    "LAB_CREDS": "canary-lab-creds-0005",
}
AWAY = "http://127.0.0.1:9/v1"
DRIVER = Path(__file__).parent / "canary_driver.py"


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Walk the application; a group that acts by itself counts too."""
    inside = getattr(command, "commands", {})
    if not inside or getattr(command, "invoke_without_command", False):
        yield path, command
    for name, part in inside.items():
        yield from leaves(part, (*path, name))


LEAVES = [(path, command) for path, command in leaves(typer.main.get_command(app)) if path]


def forms(command: Any) -> list[list[str]]:
    """Return the options that choose each format a command offers."""
    found: list[list[str]] = [[]]
    for option in command.params:
        if "--json" in option.opts:
            found.append(["--json"])
        if "--format" in option.opts:
            found += [["--format", choice] for choice in get_args(option.type_descriptor.annotation)]
    return found


def arguments(command: Any, values: dict[str, str], folder: Path) -> list[str]:
    """Fill in what a command demands; whatever nobody foresaw is given a key."""
    given: list[str] = []
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            given.append(values.get(parameter.name, values["else"]))
        elif "--timeout" in parameter.opts:
            given += ["--timeout", "0"]
        elif "--yes" in parameter.opts:
            given.append("--yes")
        elif "--online" in parameter.opts:
            given.append("--online")
        elif parameter.required:
            given += [parameter.opts[0], str(folder / f"{parameter.name}.out")]
    return given


class EchoServer(ScriptedServer):
    """Refuses everything and says the key that it was shown, in headers and body, plainly and as base64."""

    def respond(self, request: Request) -> Reply:
        self.requests.append(request)
        key = request.headers.get("authorization", "") + request.headers.get("api-key", "")
        encoded = base64.b64encode(key.encode()).decode()
        error = {"message": f"Incorrect key: {key} {encoded}", "code": key, "param": key, "type": encoded}
        headers = {"Content-Type": "application/json", "X-Echo": key, "WWW-Authenticate": key}
        return Reply(401, json.dumps({"error": error}).encode(), headers)


class TellingServer(ScriptedServer):
    """Does everything, and puts the key into every text of its replies."""

    def respond(self, request: Request) -> Reply | None:
        reply = super().respond(request)
        if reply is None or not reply.body.startswith(b"{"):
            return reply
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        body = json.loads(reply.body)
        told = {
            "error": {"code": key, "message": key, "param": key},
            "filename": key,
            "purpose": key,
            "note": key,
        }
        reply.body = json.dumps(body | told | ({"status": "failed"} if "status" in body else {})).encode()
        return reply


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a state folder with one launched run at `lab`, and the specs of all faults."""
    folder, server = tmp_path_factory.mktemp("canary"), ScriptedServer()
    key = CANARIES["OPENAI_API_KEY"]
    (folder / "home").mkdir(mode=0o700)
    write_config(folder / "home", server.url)
    spec = write_tiny_spec(folder / "project", LAB_SPEC + "budget: {max_usd: 10}\n")
    done = run_rftctl("launch", str(spec), home=folder / "home", **CANARIES)
    assert done.returncode == 0, done.stderr
    server.close()
    write_bad_specs(folder / "bad", key)
    return folder


def write_config(home: Path, url: str) -> None:
    (home / "config.yaml").write_text(
        f"providers:\n  lab: {{base_url: '{url}', profile: openai, api_key_env: LAB_CREDS}}\n"
        f"judges:\n  office: {{base_url: '{url}', api_key_env: LAB_CREDS, model: m}}\n"
    )
    (home / "profiles.yaml").write_text(LAB_FACTS)


def write_bad_specs(folder: Path, key: str) -> None:
    raising = f"def grade(sample, item):\n    raise ValueError('{key}')\n"
    python = json.dumps({"type": "python", "name": "g", "source": raising})
    grader = LAB_SPEC[LAB_SPEC.index("grader:") : LAB_SPEC.index("hyperparameters")]
    judged = {"type": "score_model", "name": "j", "model": "m", "input": [{"role": "user", "content": key}]}
    texts = {
        "unknown-key": LAB_SPEC + f"'{key}': 1\n",
        "provider": LAB_SPEC.replace("provider: lab", f"provider: '{key}'"),
        "model": LAB_SPEC.replace("lab-model", f"'{key}'"),
        "file": LAB_SPEC.replace("train.jsonl", f"'{key}'"),
        "syntax": LAB_SPEC + f"x: [{key}\n",
        "raising": LAB_SPEC.replace(grader, f"grader: {python}\n"),
        "judged": LAB_SPEC.replace(grader, f"grader: {json.dumps(judged)}\njudge: office\n"),
        "rows": LAB_SPEC,
    }
    for name, text in texts.items():
        spec = write_tiny_spec(folder / name, text)
        if name == "rows":
            (spec.parent / "train.jsonl").write_text(f'{{"messages": "{key}"}}\n{{"{key}": oops\n')
            (spec.parent / "cases.jsonl").write_text(
                f'{{"line": 1, "sample": "{key}", "expect": {{"reward": 1}}}}\n'
            )


def jobs_of(
    base: Path, home: Path, specs: list[Path], *, everything_is: str | None = None
) -> list[dict[str, Any]]:
    """Make the list of command lines that one fault runs."""
    run_id = next(iter(json.loads(run_rftctl("runs", "--json", home=base / "home").stdout)["runs"]))["run_id"]
    key, jobs = CANARIES["OPENAI_API_KEY"], []
    for path, command in LEAVES:
        takes_spec = any(p.name == "spec" for p in command.params)
        for number, spec in enumerate(specs if takes_spec else specs[:1]):
            values = {"spec": str(spec), "run": run_id, "code": "RFT204", "job_id": "ftjob-1", "else": key}
            if everything_is is not None:
                values = {"else": everything_is}
            for form in forms(command):
                folder = home.parent / "out" / f"{len(jobs)}-{number}"
                folder.mkdir(parents=True)
                line = [*path, *arguments(command, values, folder), *form]
                jobs.append({"arguments": line, "out": str(folder / "stdout"), "err": str(folder / "stderr")})
    return jobs


def run_all(jobs: list[dict[str, Any]], home: Path, *, url: str = AWAY, bug: str = "") -> int:
    """Run command lines in forked children of one process; returns how many wrote anything."""
    environ = {
        **os.environ,
        **CANARIES,
        "RFTCTL_HOME": str(home),
        "RFTCTL_DEADLINE_S": "5",
        "CANARY_BUG": bug,
    }
    done = subprocess.run(
        [sys.executable, str(DRIVER)],
        input=json.dumps(jobs),
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return sum(Path(job["out"]).stat().st_size + Path(job["err"]).stat().st_size > 0 for job in jobs)


def hits(folder: Path) -> list[str]:
    """List the files below a folder that hold a canary, plainly or encoded."""
    wanted = [
        form.encode()
        for secret in CANARIES.values()
        for form in (secret, base64.b64encode(secret.encode()).decode()[:-4])
    ]
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "config.yaml"):
        data = path.read_bytes()
        found += [f"{path.relative_to(folder)}: {form.decode()}" for form in wanted if form in data]
    return found


def home_for(base: Path, tmp_path: Path, url: str) -> Path:
    home = tmp_path / "home"
    shutil.copytree(base / "home", home)
    write_config(home, url)
    return home


def test_the_walk_finds_the_commands() -> None:
    names = {" ".join(path) for path, _ in LEAVES}
    assert ["--format", "junit"] in forms(dict(LEAVES)[("validate",)])
    assert {"validate", "launch", "watch", "runs", "runs export", "files rm", "doctor", "serve"} <= names


def test_an_unreachable_provider_lets_no_key_out(base: Path, tmp_path: Path) -> None:
    home = home_for(base, tmp_path, AWAY)
    jobs = jobs_of(base, home, [base / "project" / "spec.yaml"])
    assert run_all(jobs, home) > len(LEAVES)
    assert hits(tmp_path) == []


@pytest.mark.parametrize("kind", [EchoServer, TellingServer])
def test_a_provider_that_says_the_key_lets_no_key_out(
    kind: type[ScriptedServer], base: Path, tmp_path: Path
) -> None:
    server = kind()
    home = home_for(base, tmp_path, server.url)
    jobs = jobs_of(base, home, [base / "project" / "spec.yaml"])
    assert run_all(jobs, home, url=server.url) > len(LEAVES)
    server.close()
    assert any(
        CANARIES["LAB_CREDS"] in request.headers.get("authorization", "") for request in server.requests
    )
    assert hits(tmp_path) == []


def test_bad_files_that_hold_a_key_let_no_key_out(base: Path, tmp_path: Path) -> None:
    home = home_for(base, tmp_path, AWAY)
    specs = sorted((base / "bad").glob("*/spec.yaml"))
    jobs = [
        job for job in jobs_of(base, home, specs) if any("spec.yaml" in word for word in job["arguments"])
    ]
    assert run_all(jobs, home) > len(specs)
    assert hits(tmp_path) == []


def test_a_key_given_as_an_argument_is_not_repeated(base: Path, tmp_path: Path) -> None:
    home = home_for(base, tmp_path, AWAY)
    jobs = jobs_of(base, home, [base], everything_is=CANARIES["AWS_BEARER_TOKEN_BEDROCK"])
    assert run_all(jobs, home) > len(LEAVES)
    assert hits(tmp_path) == []


def test_a_bug_that_holds_a_key_lets_no_key_out(base: Path, tmp_path: Path) -> None:
    home = home_for(base, tmp_path, AWAY)
    jobs = jobs_of(base, home, [base / "project" / "spec.yaml"])
    assert run_all(jobs, home, bug=CANARIES["OPENAI_API_KEY"]) > len(LEAVES)
    assert "RuntimeError: ***" in (home / "last-bug.txt").read_text()
    assert hits(tmp_path) == []
