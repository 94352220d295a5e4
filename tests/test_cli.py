"""The command line: quick to start, one clear line for every mistake, nothing unsafe on a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rftctl import __version__
from tests.conftest import TINY_SPEC, read_json, run_rftctl, write_tiny_spec

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = [
    "",
    "validate",
    "grade",
    "launch",
    "watch",
    "evaluate",
    "run",
    "cost",
    "cost estimate",
    "cost actual",
    "runs",
    "runs show",
    "runs export",
    "runs purge",
    "runs recover",
    "runs adopt",
    "files list",
    "files rm",
    "import",
    "init",
    "pause",
    "resume",
    "cancel",
    "doctor",
    "serve",
    "schema",
    "explain",
]
# Typer reads options by pydantic; our own models on top of it are what a help page must not build.
HEAVY = ("openai", "torch", "starlette", "rftctl.spec", "transformers", "plotext", "jsonschema", "numpy")
PROGRAM = """
import sys
from rftctl.cli import run_cli
code = run_cli(sys.argv[2:])
heavy = [name for name in sys.argv[1].split(",") if name in sys.modules]
sys.stderr.write("HEAVY:" + ",".join(heavy))
sys.exit(code)
"""


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_given_without_loading_anything_heavy(command: str, home: Path) -> None:
    arguments = [sys.executable, "-c", PROGRAM, ",".join(HEAVY), *command.split(), "--help"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "HEAVY:")
    assert "Usage: rftctl" in done.stdout
    assert not home.exists()


def test_every_command_is_in_the_help_and_in_this_list() -> None:
    from typer.main import get_command

    from rftctl.cli.app import app

    assert {name.split()[0] for name in COMMANDS if name} <= set(get_command(app).commands)  # type: ignore[attr-defined]


def test_the_version_is_told_without_loading_a_framework(home: Path) -> None:
    arguments = [sys.executable, "-X", "importtime", "-m", "rftctl", "--version"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.stdout == f"rftctl {__version__}\n"
    assert not [
        line for line in done.stderr.splitlines() if line.split("|")[-1].strip() in (*HEAVY, "typer", "rich")
    ]
    assert not home.exists()


def grader(source: str) -> str:
    head, _, tail = TINY_SPEC.partition("grader:")
    settings = tail.partition("hyperparameters")[2]
    return f"{head}grader: {{type: python, name: g, source: {source!r}}}\nhyperparameters{settings}"


def test_a_misspelt_key_of_a_spec_is_refused_at_its_place(tmp_path: Path) -> None:
    spec = write_tiny_spec(tmp_path, TINY_SPEC.replace("batch_size", "batchsize"))
    done = run_rftctl("launch", str(spec), home=tmp_path / "home")
    assert done.returncode == 3
    assert "spec.yaml:13:" in done.stderr
    assert "batchsize" in done.stderr
    assert "batch_size" in done.stderr.partition("hint:")[2]


def test_a_model_that_nobody_has_is_refused_at_its_place(tmp_path: Path) -> None:
    spec = write_tiny_spec(tmp_path, TINY_SPEC.replace("tiny-random", "tiny-rndom"))
    done = run_rftctl("validate", str(spec), home=tmp_path / "home")
    assert done.returncode == 3
    assert "spec.yaml:4:" in done.stderr
    assert "tiny-random" in done.stderr.partition("hint:")[2]


def test_a_data_line_that_is_not_json_is_refused_at_its_line(tmp_path: Path) -> None:
    spec = write_tiny_spec(tmp_path)
    path = tmp_path / "train.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:6], "{oops}\n", *lines[7:]]))
    done = run_rftctl("validate", str(spec), home=tmp_path / "home")
    assert done.returncode == 3
    assert "train.jsonl:7:" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_data_file_is_refused_where_the_spec_names_it(tmp_path: Path) -> None:
    spec = write_tiny_spec(tmp_path)
    (tmp_path / "valid.jsonl").unlink()
    done = run_rftctl("run", str(spec), home=tmp_path / "home")
    assert done.returncode == 3
    assert "spec.yaml:6:" in done.stderr
    assert "valid.jsonl" in done.stderr


@pytest.mark.parametrize(
    ("command", "words"),
    [("validate", "missing.yaml"), ("launch", "missing.yaml"), ("grade", "missing.yaml")],
)
def test_a_missing_spec_is_one_line_with_a_way_out(command: str, words: str, tmp_path: Path) -> None:
    done = run_rftctl(command, "missing.yaml", home=tmp_path)
    assert done.returncode == 3
    errors = [line for line in done.stderr.splitlines() if "error" in line]
    assert len(errors) == 1
    assert words in errors[0]
    assert "Traceback" not in done.stderr


def test_a_grader_that_raises_is_told_with_what_it_raised(tmp_path: Path) -> None:
    spec = write_tiny_spec(tmp_path, grader("def grade(sample, item):\n    raise KeyError('the-key')\n"))
    done = run_rftctl("grade", str(spec), home=tmp_path / "home")
    assert done.returncode == 4
    assert "the-key" in done.stdout.replace("\n", "")
    assert "Traceback (most recent call last)" not in done.stderr


def test_a_grader_that_raises_ends_the_pipeline_before_the_launch(tmp_path: Path) -> None:
    spec = write_tiny_spec(tmp_path, grader("def grade(sample, item):\n    raise KeyError('the-key')\n"))
    document = read_json(run_rftctl("run", str(spec), "--json", home=tmp_path / "home"))
    assert (document["exit_code"], document["run_id"]) == (4, None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["runs", "--jsn"], "--jsn"),
        (["validat", "x.yaml"], "validate"),
        (["launch"], "SPEC"),
        (["launch", "a", "b"], "b"),
        (["watch", "--timeout", "soon"], "--timeout"),
        (["serve", "--port", "70000"], "65535"),
        (["validate", "x.yaml", "--set", "n_epochs"], "KEY=VALUE"),
    ],
)
def test_a_wrong_call_is_one_line_and_a_hint(arguments: list[str], words: str, home: Path) -> None:
    done = run_rftctl(*arguments, home=home)
    lines = done.stderr.splitlines()
    assert (done.returncode, done.stdout, len(lines)) == (2, "", 2)
    assert lines[0].startswith("error: ")
    assert words in lines[0]
    assert lines[1].startswith("hint: ")


def test_without_arguments_the_help_is_the_answer(home: Path) -> None:
    done = run_rftctl(home=home)
    assert done.returncode == 2
    assert "validate" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "command", [["validate", "SPEC"], ["runs"], ["cost", "estimate", "SPEC"], ["grade", "SPEC"]]
)
def test_json_is_one_document_with_its_schema_and_nothing_else(command: list[str], tmp_path: Path) -> None:
    spec = write_tiny_spec(tmp_path)
    done = run_rftctl(*[str(spec) if a == "SPEC" else a for a in command], "--json", home=tmp_path / "home")
    assert done.returncode == 0
    assert json.loads(done.stdout)["schema"].startswith(f"rftctl.{command[0]}")
    assert len(done.stdout.splitlines()) == 1


def test_without_a_terminal_nothing_is_coloured(tmp_path: Path) -> None:
    spec = write_tiny_spec(tmp_path, TINY_SPEC + "colour: red\n")
    done = run_rftctl(
        "validate", str(spec), home=tmp_path / "home", TERM="xterm-256color", COLORTERM="truecolor"
    )
    assert "\x1b" not in done.stdout + done.stderr


def test_no_color_wins_over_a_forced_terminal(tmp_path: Path) -> None:
    spec = write_tiny_spec(tmp_path)
    done = run_rftctl("validate", str(spec), home=tmp_path / "home", FORCE_COLOR="1", NO_COLOR="1")
    assert "\x1b[3" not in done.stdout
    assert "\x1b[9" not in done.stdout


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
def test_a_terminal_that_is_not_utf8_gets_every_word(encoding: str, tmp_path: Path) -> None:
    source = "def grade(sample, item):\n    raise ValueError('größe 世界 ' + 'x' * 999)\n"
    spec = write_tiny_spec(tmp_path, grader(source))
    environ = {**os.environ, "RFTCTL_HOME": str(tmp_path / "home"), "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "rftctl", "grade", str(spec)]
    done = subprocess.run(command, env=environ, capture_output=True, check=False)
    assert done.returncode == 4
    assert b"this is a bug" not in done.stderr
    assert b"not as expected" in done.stdout


@pytest.mark.parametrize(
    "command", [["schema"], ["doctor"], ["explain", "RFT204"], ["runs"], ["runs", "--json"]]
)
def test_a_reader_that_goes_away_is_no_error(command: list[str], tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    environ = {**os.environ, "RFTCTL_HOME": str(tmp_path)}
    with os.fdopen(writer, "wb") as out:
        done = subprocess.run(
            [sys.executable, "-m", "rftctl", *command],
            env=environ,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert "bug" not in done.stderr
    assert done.returncode == 0


def test_a_name_that_a_terminal_would_act_on_is_shown_escaped(tmp_path: Path) -> None:
    done = run_rftctl("watch", "\x1b[2J[/x]\u202e", home=tmp_path)
    assert done.returncode == 2
    assert "\x1b" not in done.stderr
    assert "\u202e" not in done.stderr
    assert "[/x]" in done.stderr


def test_a_bug_is_told_in_one_line_even_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    program = (
        "import sys, rftctl.commands.explain as explain\n"
        "def broken(code): raise RuntimeError('thrown for the test')\n"
        "explain.explain = broken\n"
        "from rftctl.cli import run_cli\n"
        "sys.exit(run_cli(['explain', 'RFT204']))\n"
    )
    environ = {**os.environ, "RFTCTL_HOME": str(tmp_path / "file")}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 70
    assert "thrown for the test" in done.stderr
    assert "Traceback" not in done.stderr
