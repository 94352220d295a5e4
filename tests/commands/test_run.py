"""The whole workflow on the embedded service, and a job that outlives the people who watch it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import TINY_SPEC, read_json, run_rftctl, write_tiny_spec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# One worker runs all of these, so that the small model is trained once.
pytestmark = pytest.mark.xdist_group("finished")
N_STEPS = 24


def test_the_report_has_the_documented_keys(finished: Any) -> None:
    report = finished.report
    assert {"validation", "grading", "run_id", "curve", "evaluation", "cost"} <= set(report)
    model, pair = report["evaluation"]["models"][0], report["evaluation"]["pairs"][0]
    assert {"name", "n_examples", "n_failed", "mean_reward", "interval"} <= set(model)
    assert {"base", "other", "difference", "interval", "verdict"} <= set(pair)
    assert model["interval"][0] <= model["mean_reward"] <= model["interval"][1]
    assert pair["interval"][0] <= pair["difference"] <= pair["interval"][1]
    assert report["cost"]["actual"]["high_usd"] == 0.0


def test_the_curve_has_every_step_and_its_evaluations(finished: Any) -> None:
    steps = {
        split: [p["step"] for p in finished.report["curve"] if p["split"] == split]
        for split in ("train", "valid")
    }
    assert steps == {"train": [1, 2, 3, 4], "valid": [2, 4]}


def test_every_stage_says_that_it_went_well(finished: Any) -> None:
    report = finished.report
    assert (report["schema"], report["exit_code"], report["status"]) == ("rftctl.run/1", 0, "succeeded")
    assert report["validation"]["valid"]
    assert report["grading"]["summary"]["n_missed"] == 0
    assert [m["n_examples"] for m in report["evaluation"]["models"]] == [6, 6]


def test_a_second_run_repeats_nothing(finished: Any) -> None:
    again = read_json(finished("run", str(finished.spec), "--json"))
    assert again["run_id"] == finished.report["run_id"]
    assert again["evaluation"] == finished.report["evaluation"]
    assert again["curve"] == finished.report["curve"]
    assert len(read_json(finished("runs", "--json"))["runs"]) == 1


def test_a_watch_of_a_finished_run_gives_its_curve_as_ndjson(finished: Any) -> None:
    done = finished("watch", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert {line["schema"] for line in lines} == {"rftctl.watch/1"}
    assert lines[-1]["curve"] == finished.report["curve"]


def test_an_evaluation_of_a_checkpoint_names_it(finished: Any) -> None:
    report = read_json(finished("evaluate", "--checkpoint", "2", "--json"))
    assert report["models"][1]["name"] != report["models"][0]["name"]
    assert "2" in report["models"][1]["name"]


def test_a_finished_job_cannot_be_paused(finished: Any) -> None:
    done = finished("pause", "--json")
    assert done.returncode == 5
    assert read_json(done)["schema"] == "rftctl.error/1"


@pytest.fixture(scope="module")
def long_job(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Give the tests a launched job of some seconds: a function that calls rftctl where it runs."""
    folder = tmp_path_factory.mktemp("long")
    text = TINY_SPEC.replace("n_epochs: 1", "n_epochs: 6").replace(
        "max_completion_tokens: 6", "max_completion_tokens: 24"
    )
    spec = write_tiny_spec(folder / "project", text)

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_rftctl(*arguments, home=folder / "home")

    assert call("launch", str(spec)).returncode == 0
    call.home, call.spec = folder / "home", spec  # type: ignore[attr-defined]
    return call


def kill_a_watch_after_its_first_line(home: Path) -> dict[str, Any]:
    """Start `watch --json`, kill it when it has said something, and return what that was."""
    command = [sys.executable, "-m", "rftctl", "watch", "--json"]
    environ = {**os.environ, "RFTCTL_HOME": str(home)}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdout is not None
        line = watcher.stdout.readline()
        watcher.kill()
    document: dict[str, Any] = json.loads(line)
    return document


def test_a_job_outlives_its_watchers_rests_goes_on_and_keeps_its_whole_curve(long_job: Any) -> None:
    assert kill_a_watch_after_its_first_line(long_job.home)["status"] not in ("failed", "cancelled")
    assert long_job("watch", "--timeout", "0").returncode == 10
    assert long_job("pause").returncode == 0
    paused = long_job("watch", "--json")
    assert (paused.returncode, json.loads(paused.stdout.splitlines()[-1])["status"]) == (1, "paused")
    assert long_job("resume").returncode == 0
    watched = long_job("watch", "--json")
    last = json.loads(watched.stdout.splitlines()[-1])
    assert (watched.returncode, last["status"]) == (0, "succeeded")
    assert [p["step"] for p in last["curve"] if p["split"] == "train"] == list(range(1, N_STEPS + 1))


def test_a_cancelled_job_is_a_no(long_job: Any) -> None:
    launched = read_json(long_job("launch", str(long_job.spec), "--again", "--json"))
    cancelled = long_job("cancel", launched["run_id"], "--json")
    assert (cancelled.returncode, read_json(cancelled)["action"]) == (0, "cancel")
    watched = long_job("watch", launched["run_id"], "--json")
    assert (watched.returncode, json.loads(watched.stdout.splitlines()[-1])["status"]) == (1, "cancelled")
    assert long_job("launch", str(long_job.spec)).returncode == 1


def test_a_gate_that_is_not_met_ends_the_pipeline_before_anything_is_launched(tmp_path: Path) -> None:
    spec = write_tiny_spec(tmp_path)
    (tmp_path / "cases.jsonl").write_text('{"line": 1, "sample": "word0", "expect": {"reward": 0}}\n')
    done = run_rftctl("run", str(spec), "--json", home=tmp_path / "home")
    document = read_json(done)
    assert (done.returncode, document["exit_code"]) == (1, 1)
    assert (document["run_id"], document["curve"], document["evaluation"]) == (None, [], None)
    assert read_json(run_rftctl("runs", "--json", home=tmp_path / "home"))["runs"] == []
