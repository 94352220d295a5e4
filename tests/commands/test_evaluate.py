"""The held-out comparison: paired by row, honest about what could not be graded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rftctl.commands.evaluate import Deployment, EvaluationReport, evaluate_ledger_run
from rftctl.commands.grade import grade_spec
from rftctl.commands.launch import launch_spec
from rftctl.commands.opening import load_run_spec
from rftctl.commands.updates import Note, finish
from rftctl.errors import (
    InvalidInputError,
    NotOfferedError,
    ProviderError,
    RftctlError,
    StorageError,
    UngradableError,
    UsageError,
)
from rftctl.redaction import learn
from tests.providers.scripted_server import answer

if TYPE_CHECKING:
    from pathlib import Path

    from rftctl.home import Home
    from rftctl.ledger import Ledger, Run
    from tests.providers.scripted_server import ScriptedServer

CHAT = "/completions"
REFUSAL = answer({"error": {"message": "content policy"}}, 400)


def right_word(prompt: str) -> str:
    return "word" + prompt.split()[-1]


@pytest.fixture
def run(lab: Home, lab_spec: Path, ledger: Ledger, server: ScriptedServer) -> Run:
    """Give the test a finished run whose tuned model is always right and whose base never is."""
    run = finish(launch_spec(lab_spec, lab, ledger)).run
    server.jobs[0] |= {"status": "succeeded", "fine_tuned_model": "ft:lab-model:x"}
    server.chat = lambda model, prompt: right_word(prompt) if model.startswith("ft:") else "###"
    return run


def evaluate(run: Run, lab: Home, ledger: Ledger, **options: Any) -> EvaluationReport:
    return finish(evaluate_ledger_run(run, lab, ledger, **options))


def test_the_tuned_model_is_compared_with_its_base_on_the_same_rows(
    run: Run, lab: Home, ledger: Ledger
) -> None:
    report = evaluate(run, lab, ledger)
    base, tuned = report.models
    assert (base.name, base.mean_reward, base.n_examples, base.n_failed) == ("lab-model", 0.0, 6, 0)
    assert (tuned.name, tuned.mean_reward) == ("ft:lab-model:x", 1.0)
    comparison = report.pairs[0].comparison
    assert (comparison.difference, comparison.verdict, comparison.n_examples) == (1.0, "better", 6)


def test_the_document_has_the_documented_keys(run: Run, lab: Home, ledger: Ledger) -> None:
    document = evaluate(run, lab, ledger).to_json()
    assert document["schema"] == "rftctl.evaluate/1"
    assert {"name", "n_examples", "n_failed", "mean_reward", "interval"} <= set(document["models"][0])
    assert {"base", "other", "difference", "interval", "verdict"} <= set(document["pairs"][0])
    assert document["pairs"][0]["interval"] == [1.0, 1.0]


def test_a_report_read_back_is_the_report(run: Run, lab: Home, ledger: Ledger) -> None:
    report = evaluate(run, lab, ledger)
    assert EvaluationReport.from_json(json.loads(json.dumps(report.to_json()))) == report


def test_an_evaluation_made_before_is_handed_back(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    first = evaluate(run, lab, ledger)
    asked = server.count("POST", CHAT)
    assert evaluate(run, lab, ledger) == first
    assert server.count("POST", CHAT) == asked == 12
    assert evaluate(run, lab, ledger, again=True) == first
    assert server.count("POST", CHAT) == 24


def test_changed_test_rows_are_evaluated_anew(
    run: Run, lab: Home, lab_spec: Path, ledger: Ledger, server: ScriptedServer
) -> None:
    evaluate(run, lab, ledger)
    test_file = lab_spec.parent / "test.jsonl"
    test_file.write_text("".join(test_file.read_text().splitlines(keepends=True)[:4]))
    assert evaluate(run, lab, ledger).models[0].n_examples == 4
    assert server.count("POST", CHAT) == 20


def test_rows_without_an_answer_are_counted_and_left_out(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    server.fail("POST", CHAT, REFUSAL, REFUSAL)
    command, notes = evaluate_ledger_run(run, lab, ledger), []
    while True:
        try:
            update = next(command)
        except StopIteration as end:
            report = end.value
            break
        notes += [update.message] if isinstance(update, Note) else []
    base, tuned = report.models
    assert (base.n_failed, base.mean_reward, tuned.n_failed) == (2, 0.0, 0)
    assert report.pairs[0].comparison.n_examples == 4
    assert [note for note in notes if "content policy" in note]


def test_when_no_answer_comes_nothing_is_claimed(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    server.fail("POST", CHAT, *[REFUSAL] * 12)
    with pytest.raises((UngradableError, ProviderError)):
        evaluate(run, lab, ledger)
    assert ledger.newest(run.run_id, "evaluation") is None


def test_an_unreadable_output_earned_nothing_and_is_told_apart(
    lab: Home, lab_spec: Path, ledger: Ledger, server: ScriptedServer
) -> None:
    text = lab_spec.read_text().replace("sample.output_text", "sample.output_json.word")
    lab_spec.write_text(text + "response_format: {type: json_object}\n")
    run = finish(launch_spec(lab_spec, lab, ledger)).run
    server.jobs[0] |= {"status": "succeeded", "fine_tuned_model": "ft:lab-model:x"}
    server.chat = lambda model, prompt: (
        json.dumps({"word": right_word(prompt)}) if model[:3] == "ft:" else "no"
    )
    base, tuned = evaluate(run, lab, ledger).models
    assert (base.mean_reward, base.parseable_share, base.mean_reward_parseable, base.n_failed) == (
        0.0,
        0.0,
        None,
        0,
    )
    assert (tuned.mean_reward, tuned.parseable_share, tuned.mean_reward_parseable) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(("gain", "code"), [(0.5, 0), (1.0, 1), (2.0, 1)])
def test_a_gain_that_the_spec_asks_for_must_be_proven(
    gain: float, code: int, lab: Home, lab_spec: Path, ledger: Ledger, server: ScriptedServer
) -> None:
    settings = {"evaluate.min_difference": str(gain)}
    run = finish(launch_spec(lab_spec, lab, ledger, overrides=settings)).run
    server.jobs[0] |= {"status": "succeeded", "fine_tuned_model": "ft:lab-model:x"}
    server.chat = lambda model, prompt: right_word(prompt) if model.startswith("ft:") else "###"
    assert evaluate(run, lab, ledger).exit_code == code


def test_several_samples_of_a_row_are_one_observation(
    lab: Home, lab_spec: Path, ledger: Ledger, server: ScriptedServer
) -> None:
    run = finish(launch_spec(lab_spec, lab, ledger, overrides={"evaluate.samples_per_example": "4"})).run
    server.jobs[0] |= {"status": "succeeded", "fine_tuned_model": "ft:lab-model:x"}
    report = evaluate(run, lab, ledger)
    assert (report.models[0].n_examples, report.models[0].n_samples) == (6, 24)
    assert report.pairs[0].comparison.n_examples == 6


def test_kept_outputs_get_their_rewards_from_grade_again(
    run: Run, lab: Home, ledger: Ledger, tmp_path: Path
) -> None:
    evaluate(run, lab, ledger)
    evaluate(run, lab, ledger, outputs=tmp_path / "kept")
    spec_file = load_run_spec(run)
    kept = {
        name: finish(grade_spec(spec_file, lab, outputs=tmp_path / "kept" / f"{name}.jsonl"))
        for name in ("base", "tuned")
    }
    assert [kept[name].summary.mean_reward for name in kept] == [0.0, 1.0]
    assert all(result.passed for report in kept.values() for result in report.results)


def test_a_key_that_the_service_says_back_is_not_kept(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer, tmp_path: Path
) -> None:
    learn("the-key-that-was-sent")
    server.chat = lambda model, prompt: "your key is the-key-that-was-sent"
    evaluate(run, lab, ledger, outputs=tmp_path)
    kept = (tmp_path / "tuned.jsonl").read_text()
    assert "your key is" in kept
    assert "the-key-that-was-sent" not in kept


def test_outputs_that_cannot_be_kept_are_said(run: Run, lab: Home, ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "kept").touch()
    with pytest.raises(StorageError, match="cannot be written"):
        evaluate(run, lab, ledger, outputs=tmp_path / "kept")


def test_a_job_without_a_model_has_nothing_to_evaluate(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    server.jobs[0]["fine_tuned_model"] = None
    with pytest.raises(UsageError, match="has no model yet") as caught:
        evaluate(run, lab, ledger)
    assert "rftctl watch" in caught.value.hint


def test_a_checkpoint_that_is_not_there_is_refused(run: Run, lab: Home, ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="no checkpoint '7'"):
        evaluate(run, lab, ledger, checkpoint="7")


def test_a_run_that_was_refused_has_nothing_to_evaluate(
    lab: Home, lab_spec: Path, ledger: Ledger, server: ScriptedServer
) -> None:
    server.fail("POST", "/fine_tuning/jobs", answer({"error": {"message": "no"}}, 400))
    with pytest.raises(ProviderError):
        finish(launch_spec(lab_spec, lab, ledger))
    with pytest.raises(RftctlError, match="has no"):
        evaluate(ledger.run(None), lab, ledger)


def test_a_spec_that_changed_since_no_longer_describes_the_run(
    run: Run, lab: Home, lab_spec: Path, ledger: Ledger
) -> None:
    lab_spec.write_text(lab_spec.read_text().replace("seed: 1", "seed: 2"))
    with pytest.raises(InvalidInputError, match="has changed since"):
        evaluate(run, lab, ledger)


def test_deployed_models_are_asked_by_the_names_of_their_deployments(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    (lab.path / "profiles.yaml").write_text(
        (lab.path / "profiles.yaml").read_text() + "  needs_deployment: true\n"
    )
    with pytest.raises(NotOfferedError, match="only where it is deployed"):
        evaluate(run, lab, ledger)
    report = evaluate(run, lab, ledger, deployment=Deployment("my-tuned", "my-base"))
    asked = {json.loads(r.body)["model"] for r in server.requests if r.path.endswith(CHAT)}
    assert asked == {"my-tuned", "my-base"}
    assert report.models[0].name == "lab-model"
