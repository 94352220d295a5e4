"""Importing: a job comes home whole, and launched again it is the same request but for ids."""

from __future__ import annotations

import base64
import csv
import json
from typing import TYPE_CHECKING, Any

import pytest

from rftctl.commands.import_job import import_job
from rftctl.commands.imported_spec import dump_spec
from rftctl.commands.launch import launch_spec
from rftctl.commands.updates import finish
from rftctl.errors import ExitCode, ProviderError, UsageError
from rftctl.spec import load_spec
from tests.conftest import read_json, run_rftctl
from tests.providers.scripted_server import answer

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from rftctl.home import Home
    from rftctl.ledger import Ledger
    from tests.providers.scripted_server import ScriptedServer

SOURCE = '''\
import json


def grade(sample, item):
    """Ünïcode, "quotes" and a tab:\t"""
    return float(json.loads(sample["output_text"]).get("codes") == item["codes"])
'''
GRADER = {
    "type": "multi",
    "name": "all",
    "graders": {
        "code": {"type": "python", "name": "exact: #1", "source": SOURCE, "image_tag": "2025-05-08"},
        "no": {
            "type": "string_check",
            "name": "yes",
            "input": "{{ sample.output_json.answer }}",
            "reference": "{{ item.answer }}",
            "operation": "ilike",
        },
        "judge": {
            "type": "score_model",
            "name": "judge",
            "model": "gpt-4.1-2025-04-14",
            "input": [{"role": "user", "content": "Rate 0 to 1:\n{{ sample.output_text }}}\n\n# 1e3 \u00e9"}],
            "range": [0, 1],
            "pass_threshold": 0.5,
            "sampling_params": {"temperature": 0.0, "max_completions_tokens": 16},
        },
    },
    "calculate_output": "0.5 * code + 0.25 * no + 0.25 * judge",
}
SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}, "0x10": {"type": "null"}}}
RECORDED = {
    "model": "lab-model",
    "training_file": "file-train",
    "validation_file": "file-valid",
    "method": {
        "type": "reinforcement",
        "reinforcement": {
            "grader": GRADER,
            "hyperparameters": {
                "n_epochs": 2,
                "batch_size": 4,
                "learning_rate_multiplier": 1.5,
                "compute_multiplier": 1.0,
                "reasoning_effort": "medium",
                "eval_interval": 5,
                "eval_samples": 3,
            },
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "codes", "strict": True, "schema": SCHEMA},
            },
            "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
        },
    },
    "seed": 42,
    "suffix": "icd-codes",
    "metadata": {"team": "no", "ticket": "017", "when": "2026-01-01"},
}
ROWS = [
    {"messages": [{"role": "user", "content": f"code {n}"}], "codes": [n], "answer": f"a{n}"}
    for n in range(8)
]


def lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.fixture
def recorded(server: ScriptedServer) -> dict[str, Any]:
    """Give the test a finished job as a provider shows it, with its files and events."""
    server._create(RECORDED)
    job = server.jobs[0]
    job |= {key: RECORDED[key] for key in ("method", "seed", "validation_file")}
    job |= {
        "status": "succeeded",
        "user_provided_suffix": RECORDED["suffix"],
        "fine_tuned_model": "ft:lab-model:icd-codes",
        "result_files": ["file-result"],
        "organization_id": None,
    }
    result = b"step,train_mean_reward\n1,0.5\n"
    contents = {"train": lines(ROWS[:6]), "valid": lines(ROWS[6:]), "result": base64.b64encode(result)}
    for name, content in contents.items():
        server.fail("GET", f"/files/file-{name}/content", answer(content))
    data = {"step": 1, "total_steps": 2, "train_mean_reward": 0.5, "full_valid_mean_reward": 0.25}
    server.events = [
        {"id": "e1", "created_at": 5, "type": "metrics", "level": "info", "message": "Step 1/2", "data": data}
    ]
    return job


@pytest.fixture
def bring(lab: Home, ledger: Ledger, tmp_path: Path) -> Callable[..., Any]:
    """Give the test an import of that job into `tmp_path/home-again`."""
    (lab.path / "profiles.yaml").write_text((lab.path / "profiles.yaml").read_text() + "  roles: [user]\n")
    return lambda **options: finish(
        import_job("ftjob-1", tmp_path / "home-again", lab, ledger, **{"provider": "lab", **options})
    )


@pytest.mark.usefixtures("recorded")
def test_a_relaunched_import_is_the_recorded_request_but_for_ids(
    bring: Callable[..., Any], lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    folder = bring().folder
    report = finish(launch_spec(folder / "spec.yaml", lab, ledger, may_spend=lambda _: True))
    created = [r for r in server.requests if (r.method, r.path) == ("POST", "/v1/fine_tuning/jobs")]
    sent = json.loads(created[-1].body)
    own = {key: sent["metadata"].pop(key) for key in list(sent["metadata"]) if key.startswith("rftctl_")}
    assert (report.is_new, len(own)) == (True, 4)
    ids = {"training_file": sent["training_file"], "validation_file": sent["validation_file"]}
    assert sent == {**RECORDED, **ids}
    assert json.dumps(sent["method"]) == json.dumps(RECORDED["method"])


@pytest.mark.usefixtures("recorded")
def test_an_import_brings_data_code_events_curve_and_results(bring: Callable[..., Any]) -> None:
    report = bring()
    folder = report.folder
    assert (folder / "train.jsonl").read_bytes() == lines(ROWS[:6])
    assert (folder / "validation.jsonl").read_bytes() == lines(ROWS[6:])
    assert (folder / "grader_code.py").read_text() == SOURCE
    assert (folder / "results-1.csv").read_text().startswith("step,train_mean_reward")
    rows = list(csv.DictReader((folder / "curve.csv").read_text().splitlines()))
    assert [(row["split"], row["reward_mean"]) for row in rows] == [("train", "0.5"), ("valid", "0.25")]
    assert json.loads((folder / "events.jsonl").read_text())["id"] == "e1"
    assert json.loads((folder / "job.json").read_text())["fine_tuned_model"] == "ft:lab-model:icd-codes"
    assert (report.missing, folder.stat().st_mode & 0o777) == ((), 0o700)


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("status", [404, 410, 400])
def test_a_file_that_is_gone_is_said_and_the_rest_comes_home(
    status: int, bring: Callable[..., Any], server: ScriptedServer
) -> None:
    server.faults = [fault for fault in server.faults if "file-train" not in fault[1]]
    gone = answer({"error": {"message": "file expired"}}, status)
    server.fail("GET", "/files/file-train/content", gone)
    report = bring()
    assert report.exit_code == ExitCode.NO
    assert [("file-train" in lack, "expired" in lack) for lack in report.missing] == [(True, True)]
    assert (report.folder / "validation.jsonl").exists()
    assert not (report.folder / "train.jsonl").exists()


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("page", ["<html>please log in</html>", "", '{"a": 1}', "null"])
def test_a_page_that_comes_for_a_data_file_is_not_kept_as_its_rows(
    page: str, bring: Callable[..., Any], server: ScriptedServer
) -> None:
    server.faults = [fault for fault in server.faults if "file-train" not in fault[1]]
    server.fail("GET", "/files/file-train/content", answer(page))
    report = bring()
    assert report.exit_code == ExitCode.NO
    assert ["what came are no rows" in lack for lack in report.missing] == [True]
    assert not (report.folder / "train.jsonl").exists()


def test_settings_that_a_spec_cannot_say_are_named(
    bring: Callable[..., Any], recorded: dict[str, Any]
) -> None:
    method = {**RECORDED["method"]["reinforcement"], "max_episode_steps": 5}
    method["hyperparameters"] = {"n_epochs": 2.0, "warmup": 3, "eval_samples": None}
    recorded["method"] = {"type": "reinforcement", "reinforcement": method}
    report = bring()
    assert load_spec(report.folder / "spec.yaml").spec.hyperparameters.n_epochs == 2
    assert [any(word in lack for lack in report.missing) for word in ("warmup", "max_episode_steps")] == [
        True
    ] * 2


def test_the_other_places_are_targets_of_the_spec(
    bring: Callable[..., Any], recorded: dict[str, Any]
) -> None:
    recorded["model"] = "o4-mini-2025-04-16"
    report = bring()
    assert set(report.targets) == {"azure", "local"}
    local = load_spec(report.folder / "spec.yaml", target="local").spec
    assert (local.provider, local.model) == ("local", "smollm2-135m")
    assert load_spec(report.folder / "spec.yaml", target="azure").spec.model == "o4-mini-2025-04-16"


def test_a_supervised_job_is_refused(bring: Callable[..., Any], recorded: dict[str, Any]) -> None:
    recorded["method"] = {"type": "supervised"}
    with pytest.raises(UsageError, match="supervised job without a grader"):
        bring()


def test_a_job_that_is_not_there_leaves_no_folder(
    bring: Callable[..., Any], server: ScriptedServer, tmp_path: Path
) -> None:
    with pytest.raises(ProviderError):
        bring()
    assert [
        path.name for path in tmp_path.iterdir() if "home-again" in path.name or "import" in path.name
    ] == []


@pytest.mark.usefixtures("recorded")
def test_a_folder_that_is_there_is_not_overwritten(bring: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "home-again").mkdir()
    (tmp_path / "home-again" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        bring()
    assert (tmp_path / "home-again" / "notes.txt").read_text() == "mine"


def test_nobody_guesses_where_a_job_ran(bring: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match="nobody says where"):
        bring(provider=None)


@pytest.mark.parametrize(
    "text",
    ["no", "017", "0o17", "1e3", "12:30:45", "2026-01-01", "<<", "=", "~", "&a", "- x", "a: b", "", " ",
     "null", "a\nb\n", "\t", "\x7f\x85", "😀 é", "{{ item.x }}", "#", "'", '"', "\\", "x" * 500, "a " * 200,
     "%", "!t"],
)  # fmt: skip
def test_any_text_comes_back_from_the_yaml_as_it_was(text: str) -> None:
    value = {
        "version": 1,
        "name": text,
        "list": [text, 1.5, 1e-05, True, None, 17],
        "map": {text or "k": text},
    }
    assert text == "" or dump_spec(value)


def test_a_job_of_the_embedded_service_comes_home_and_is_the_same_request(
    finished: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = read_json(finished("runs", "show", "--json"))
    first = next(entry["body"] for entry in shown["entries"] if entry["kind"] == "request")
    done = finished("import", shown["run"]["job_id"], "--out", str(tmp_path / "again"), "--json")
    assert done.returncode == 0, done.stderr
    spec_file = load_spec(tmp_path / "again" / "spec.yaml")
    grader, sent = spec_file.grader, first["method"]["reinforcement"]
    assert grader == sent["grader"]
    chosen = spec_file.spec.hyperparameters.model_dump(exclude_unset=True)
    assert sent["hyperparameters"].items() <= chosen.items()
    assert spec_file.spec.engine.model_dump(exclude_unset=True) == first["rftctl"]["engine"]
    rows = (tmp_path / "again" / "train.jsonl").read_bytes()
    assert rows == (finished.spec.parent / "train.jsonl").read_bytes()  # type: ignore[attr-defined]
    checked = run_rftctl("validate", str(tmp_path / "again" / "spec.yaml"), home=tmp_path / "home")
    assert checked.returncode == 0, checked.stderr
