"""Every exit code, reached by a real command; scripts test them, so they are frozen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from rftctl.errors import ExitCode
from tests.commands.conftest import LAB_FACTS, LAB_SPEC
from tests.conftest import TINY_SPEC, read_json, run_rftctl, write_tiny_spec
from tests.providers.scripted_server import ScriptedServer, answer, drop_before, hold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PYTHON_GRADER = (
    "grader: {type: python, name: broken, source: 'def grade(sample, item): raise ValueError(\"no\")'}\n"
)


@contextmanager
def lab(folder: Path) -> Iterator[tuple[ScriptedServer, Path, Path]]:
    """Make a billed provider on loopback, a state folder that knows it and a spec for it."""
    server, home = ScriptedServer(), folder / "home"
    home.mkdir()
    (home / "config.yaml").write_text(f"providers:\n  lab: {{base_url: '{server.url}', profile: openai}}\n")
    (home / "profiles.yaml").write_text(LAB_FACTS)
    try:
        yield server, home, write_tiny_spec(folder / "project", LAB_SPEC + "budget: {max_usd: 10}\n")
    finally:
        server.close()


def code_of(*arguments: str, home: Path, **variables: str) -> int:
    done = run_rftctl(*arguments, home=home, **variables)
    assert "Traceback" not in done.stderr
    return done.returncode


def reach_ok(folder: Path) -> int:
    return code_of("validate", str(write_tiny_spec(folder / "p")), home=folder / "h")


def reach_no(folder: Path) -> int:
    spec = write_tiny_spec(folder / "p")
    (spec.parent / "cases.jsonl").write_text('{"line": 1, "sample": "x", "expect": {"reward": 1}}\n')
    return code_of("grade", str(spec), home=folder / "h")


def reach_usage(folder: Path) -> int:
    return code_of("watch", "nothing-like-it", home=folder / "h")


def reach_invalid(folder: Path) -> int:
    return code_of(
        "validate", str(write_tiny_spec(folder / "p", TINY_SPEC + "colour: red\n")), home=folder / "h"
    )


def reach_ungradable(folder: Path) -> int:
    head, _, tail = TINY_SPEC.partition("grader:")
    text = head + PYTHON_GRADER + "hyperparameters" + tail.partition("hyperparameters")[2]
    return code_of("grade", str(write_tiny_spec(folder / "p", text)), home=folder / "h")


def reach_provider(folder: Path) -> int:
    with lab(folder) as (server, home, spec):
        server.fail("POST", "/jobs", answer({"error": {"message": "no"}}, 400))
        return code_of("launch", str(spec), home=home)


def reach_not_offered(folder: Path) -> int:
    with lab(folder) as (_, home, spec):
        assert code_of("launch", str(spec), home=home) == 0
        (home / "profiles.yaml").write_text("openai: {can_pause: false}\n")
        return code_of("pause", home=home)


def reach_budget(folder: Path) -> int:
    with lab(folder) as (_, home, spec):
        return code_of("launch", str(spec), "--set", "budget.max_usd=1", home=home)


def reach_busy(folder: Path) -> int:
    with lab(folder) as (server, home, spec):
        let_go = Event()
        server.fail("POST", "/files", hold(let_go))
        environ = {**os.environ, "RFTCTL_HOME": str(home)}
        first = subprocess.Popen([sys.executable, "-m", "rftctl", "launch", str(spec), "-q"], env=environ)
        deadline = time.monotonic() + 60
        while not server.requests and time.monotonic() < deadline:
            time.sleep(0.05)
        code = code_of("launch", str(spec), home=home)
        let_go.set()
        assert first.wait() == 0
        return code


def reach_unknown_outcome(folder: Path) -> int:
    with lab(folder) as (server, home, spec):
        server.fail("POST", "/jobs", drop_before)
        return code_of("launch", str(spec), home=home)


def reach_timed_out(folder: Path) -> int:
    with lab(folder) as (_, home, spec):
        assert code_of("launch", str(spec), home=home) == 0
        return code_of("watch", "--timeout", "0", home=home)


def reach_storage(folder: Path) -> int:
    (folder / "ledger.sqlite").mkdir()
    return code_of("runs", home=folder)


def reach_bug(folder: Path) -> int:
    # Stands for any bug: an exception that is none of ours, thrown where a command begins.
    program = (
        "import sys, rftctl.ledger\n"
        "def broken(self): raise RuntimeError('thrown for the test')\n"
        "rftctl.ledger.Ledger.runs = broken\n"
        "from rftctl.cli import run_cli\n"
        "sys.exit(run_cli(['runs']))\n"
    )
    environ = {**os.environ, "RFTCTL_HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert "this is a bug in rftctl" in done.stderr
    assert "thrown for the test" in (folder / "last-bug.txt").read_text()
    return done.returncode


def reach_interrupted(folder: Path) -> int:
    with lab(folder) as (_, home, spec):
        assert code_of("launch", str(spec), home=home) == 0
        environ = {**os.environ, "RFTCTL_HOME": str(home)}
        command = [sys.executable, "-m", "rftctl", "watch", "--json"]
        with subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as watcher:
            assert watcher.stdout is not None
            assert watcher.stderr is not None
            watcher.stdout.readline()
            watcher.send_signal(signal.SIGINT)
            said = watcher.stderr.read().decode()
        assert "a launched job goes on" in said
        assert "Traceback" not in said
        return watcher.returncode


REACHED: dict[ExitCode, Callable[[Path], int]] = {
    ExitCode.OK: reach_ok,
    ExitCode.NO: reach_no,
    ExitCode.USAGE: reach_usage,
    ExitCode.INVALID: reach_invalid,
    ExitCode.UNGRADABLE: reach_ungradable,
    ExitCode.PROVIDER: reach_provider,
    ExitCode.NOT_OFFERED: reach_not_offered,
    ExitCode.BUDGET: reach_budget,
    ExitCode.BUSY: reach_busy,
    ExitCode.UNKNOWN_OUTCOME: reach_unknown_outcome,
    ExitCode.TIMED_OUT: reach_timed_out,
    ExitCode.STORAGE: reach_storage,
    ExitCode.BUG: reach_bug,
    ExitCode.INTERRUPTED: reach_interrupted,
}


@pytest.mark.parametrize("code", ExitCode, ids=lambda code: code.name.lower())
def test_an_exit_code_is_reached_by_a_real_command(code: ExitCode, tmp_path: Path) -> None:
    assert REACHED[code](tmp_path) == code


def test_the_numbers_are_the_documented_ones() -> None:
    assert [int(code) for code in ExitCode] == [*range(12), 70, 130]


ERRORS: dict[str, tuple[int, Any]] = {
    "usage": (2, ["watch", "nothing-like-it"]),
    "an unknown option": (2, ["runs", "--jsn"]),
    "a missing spec": (3, ["launch", "missing.yaml"]),
}


@pytest.mark.parametrize("name", ERRORS)
def test_under_json_an_error_is_one_document_and_nothing_else(name: str, tmp_path: Path) -> None:
    code, arguments = ERRORS[name]
    done = run_rftctl(*arguments, "--json", home=tmp_path)
    document = read_json(done)
    assert (document["schema"], document["exit_code"], done.returncode) == ("rftctl.error/1", code, code)
    assert document["message"]
    assert done.stderr == ""
