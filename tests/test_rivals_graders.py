"""Failings of other tools that concern graders, tried on rftctl with real commands."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import TINY_SPEC, read_json, run_rftctl, write_tiny_spec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CANARY = "sk-canary-7f3a9c"
GRADER = TINY_SPEC[TINY_SPEC.index("grader:") : TINY_SPEC.index("hyperparameters:")]
PYTHON = "grader: {type: python, name: planted, source_file: grader.py}\n"


@pytest.fixture
def planted(tmp_path: Path) -> Callable[[str], Path]:
    """Give a function that writes a spec whose python grader has this body."""

    def write(body: str) -> Path:
        spec = write_tiny_spec(tmp_path / "project", TINY_SPEC.replace(GRADER, PYTHON))
        (spec.parent / "grader.py").write_text(f"def grade(sample, item):\n    {body}\n")
        return spec

    return write


def card_of(spec: Path, home: Path) -> tuple[int, dict[str, Any]]:
    done = run_rftctl("grade", str(spec), "--report-card", "--json", home=home)
    return done.returncode, read_json(done)


@pytest.mark.parametrize(
    "body",
    ["return 0.0", "return 1.0", "return min(0.49, len(sample['output_text']) / 1000)"],
    ids=["never pays", "always pays", "pays length below a threshold"],
)
def test_a_dead_grader_is_not_called_robust(planted: Callable[[str], Path], home: Path, body: str) -> None:
    code, card = card_of(planted(body), home)
    assert (code, card["verdict"]) == (1, "dead")


def test_a_good_grader_with_a_small_length_bonus_is_not_called_robust(
    planted: Callable[[str], Path], home: Path
) -> None:
    text = "sample['output_text']"
    body = f"return 0.9 * ({text} == item['answer']) + min(0.1, len({text}) / 20000)"
    code, card = card_of(planted(body), home)
    assert (code, card["verdict"]) == (1, "gameable")
    assert "wrong answer padded" in card["reason"]


def test_a_grader_that_raises_is_neither_robust_nor_a_traceback(
    planted: Callable[[str], Path], home: Path
) -> None:
    code, card = card_of(planted("return float(item['answr'])"), home)
    assert (code, card["verdict"]) == (1, "dead")
    assert all(family["n_failed"] == family["n"] for family in card["families"])


def test_grader_code_does_not_see_the_key_and_writes_nothing_outside(
    planted: Callable[[str], Path], home: Path, tmp_path: Path
) -> None:
    loot = tmp_path / "loot.txt"
    spec = planted(f"import os; open({str(loot)!r}, 'w').write(str(os.environ)); return 1.0")
    done = run_rftctl("grade", str(spec), "--json", home=home, OPENAI_API_KEY=CANARY)
    assert not loot.exists()
    assert read_json(done)["summary"]["n_failed"] == 2
    assert CANARY not in done.stdout + done.stderr


def test_grader_code_finds_no_key_in_its_environment(planted: Callable[[str], Path], home: Path) -> None:
    spec = planted(f"import os; return float({CANARY!r} in str(os.environ))")
    done = run_rftctl("grade", str(spec), "--json", home=home, OPENAI_API_KEY=CANARY)
    assert [result["reward"] for result in read_json(done)["results"]] == [0.0, 0.0]


def test_a_grader_that_sleeps_is_ended_by_its_time_limit(planted: Callable[[str], Path], home: Path) -> None:
    done = run_rftctl("grade", str(planted("import time; time.sleep(3600)")), "--json", home=home)
    document = read_json(done)
    assert done.returncode == 4
    assert {tuple(result["errors"]) for result in document["results"]} == {("python_grader_runtime_error",)}
    assert all("time" in str(result["details"]) for result in document["results"])


def test_a_grader_file_that_does_not_exist_is_found_before_anything_runs(
    planted: Callable[[str], Path], home: Path
) -> None:
    spec = planted("return 1.0")
    (spec.parent / "grader.py").unlink()
    for command in ("validate", "launch"):
        done = run_rftctl(command, str(spec), home=home)
        assert done.returncode == 3, done.stderr
        assert "grader.py" in done.stdout + done.stderr


def test_a_grader_that_raises_is_named_with_its_line_before_training(
    planted: Callable[[str], Path], home: Path
) -> None:
    done = run_rftctl("run", str(planted("return item['answr']")), "--json", home=home)
    assert done.returncode in (1, 4), done.stdout + done.stderr
    assert "KeyError" in done.stdout
    assert "line 2" in done.stdout
    assert not list(home.rglob("*.safetensors"))


def test_rows_in_any_shape_of_reference_are_read(home: Path, tmp_path: Path) -> None:
    spec = write_tiny_spec(tmp_path / "project")
    rows = [{"messages": [{"role": "user", "content": f"q{n}"}], "answer": f"word{n}"} for n in range(16)]
    (spec.parent / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run_rftctl("validate", str(spec), home=home).returncode == 0


def test_broken_outputs_do_not_end_in_success(home: Path, tmp_path: Path) -> None:
    spec = write_tiny_spec(tmp_path / "project")
    outputs = spec.parent / "outputs.jsonl"
    outputs.write_text('{"line": 1, "sample": "word0"}\n{"line": 2, "sample": \n')
    done = run_rftctl("grade", str(spec), "--outputs", str(outputs), home=home)
    assert done.returncode == 3
    assert f"{os.path.basename(outputs)}:2" in done.stdout + done.stderr


def test_every_documented_flag_of_grade_is_read_by_something(home: Path, tmp_path: Path) -> None:
    spec = write_tiny_spec(tmp_path / "project")
    reached = run_rftctl("grade", str(spec), "--fail-under", "0.01", home=home)
    missed = run_rftctl("grade", str(spec), "--fail-under", "0.99", home=home)
    assert (reached.returncode, missed.returncode) == (0, 1)
