from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from rftctl.dataset import Example
from rftctl.engine.backend import CheckpointRef
from rftctl.engine.loop import run_loop
from rftctl.engine.progress import LoopSettings, Wish
from rftctl.engine.torch_backend import TorchBackend
from rftctl.engine.torch_backend.session import TorchSession
from rftctl.errors import UngradableError
from rftctl.graders.base import Grade

Rows = list[Example]


def test_a_reward_that_can_be_learned_is_learned(
    settings: LoopSettings, backend: TorchBackend, examples: Rows, digits: Any, recorder: Any, tmp_path: Path
) -> None:
    budget = replace(settings, num_generations=16, max_completion_tokens=8, n_epochs=20, eval_interval=40)
    run_loop(budget, backend, examples, [], digits, recorder, tmp_path)
    rewards = [report.train.reward_mean for report in recorder.steps]
    assert rewards[0] < 0.2
    assert rewards[-1] > 0.5


@pytest.mark.parametrize("lora_rank", [None, 4])
def test_a_resumed_run_equals_an_undisturbed_one_bit_by_bit(
    settings: LoopSettings, backend: TorchBackend, examples: Rows, digits: Any, make_recorder: Any,
    tmp_path: Path, lora_rank: int | None,
) -> None:  # fmt: skip
    wanted = replace(settings, lora_rank=lora_rank, n_epochs=2, eval_interval=4)
    whole = run_loop(wanted, backend, examples, [], digits, make_recorder(), tmp_path / "whole")
    paused = make_recorder([Wish.CONTINUE, Wish.CONTINUE, Wish.PAUSE])
    half = run_loop(wanted, backend, examples, [], digits, paused, tmp_path / "half")
    assert half.checkpoint is not None
    assert half.checkpoint.step == 2
    rest = run_loop(
        wanted, backend, examples, [], digits, make_recorder(), tmp_path / "half", half.checkpoint
    )
    assert state_of(whole.checkpoint) == state_of(rest.checkpoint)


def state_of(ref: CheckpointRef | None) -> dict[str, bytes]:
    assert ref is not None
    folder = Path(ref.path)
    tensors = [pair for path in sorted(folder.glob("*.safetensors")) for pair in load_file(path).items()]
    assert len(tensors) > 20
    return {name: value.view(-1).view(torch.uint8).numpy().tobytes() for name, value in tensors}


def test_the_same_seed_gives_the_same_run(
    settings: LoopSettings,
    backend: TorchBackend,
    examples: Rows,
    digits: Any,
    make_recorder: Any,
    tmp_path: Path,
) -> None:
    outputs = []
    for seed in (7, 7, 8):
        recorder = make_recorder()
        once = replace(settings, seed=seed, lora_rank=4)
        run_loop(once, backend, examples, [], digits, recorder, tmp_path / str(seed))
        outputs.append([(r.line_number, r.sample.output_text) for r in recorder.rollouts])
    assert outputs[0] == outputs[1] != outputs[2]


def test_every_epoch_sees_every_row_once_in_its_own_order(
    settings: LoopSettings, backend: TorchBackend, examples: Rows, digits: Any, recorder: Any, tmp_path: Path
) -> None:
    run_loop(replace(settings, n_epochs=2), backend, examples[:6], [], digits, recorder, tmp_path)
    seen = list(dict.fromkeys((r.step, r.line_number) for r in recorder.rollouts))
    epochs = [[line for step, line in seen if step in steps] for steps in ((1, 2), (3, 4))]
    assert sorted(epochs[0]) == sorted(epochs[1]) == [1, 2, 3, 4, 5, 6]
    assert epochs[0] != epochs[1]


def test_groups_without_spread_are_counted_and_not_trained_on(
    settings: LoopSettings,
    backend: TorchBackend,
    examples: Rows,
    make_grader: Any,
    recorder: Any,
    tmp_path: Path,
) -> None:
    def verdict(sample: Any, item: dict[str, Any]) -> Grade:
        return Grade.of(sum(map(ord, sample.output_text)) if item["n"] == 0 else 0.25)

    by_row = make_grader(verdict)
    run_loop(replace(settings, batch_size=8), backend, examples, [], by_row, recorder, tmp_path)
    [report] = recorder.steps
    assert report.n_groups_used == 1
    assert report.train.zero_spread_share == 7 / 8


def test_a_step_without_any_spread_changes_nothing(
    settings: LoopSettings,
    backend: TorchBackend,
    examples: Rows,
    make_grader: Any,
    recorder: Any,
    tmp_path: Path,
) -> None:
    same = make_grader(lambda sample, item: Grade.of(1.0))
    outcome = run_loop(settings, backend, examples, [], same, recorder, tmp_path)
    assert [(r.n_groups_used, r.grad_norm) for r in recorder.steps] == [(0, None), (0, None)]
    assert outcome.trained_tokens == 0


def test_failed_grades_are_left_out_of_means_and_counted(
    settings: LoopSettings,
    backend: TorchBackend,
    examples: Rows,
    make_grader: Any,
    recorder: Any,
    tmp_path: Path,
) -> None:
    broken = Grade.failure("python_grader_runtime_error", "KeyError: 'x'")
    some = make_grader(lambda sample, item: broken if item["n"] % 4 == 0 else Grade.of(0.5))
    run_loop(settings, backend, examples, examples[:4], some, recorder, tmp_path)
    valid = recorder.steps[-1].valid
    assert (valid.reward_mean, valid.n_failed, valid.n_samples) == (0.5, 1, 4)
    assert valid.graders[0].error_counts == {"python_grader_runtime_error": 1}


def test_an_unreadable_output_earns_nothing(
    settings: LoopSettings,
    backend: TorchBackend,
    examples: Rows,
    make_grader: Any,
    recorder: Any,
    tmp_path: Path,
) -> None:
    unread = make_grader(lambda sample, item: Grade.failure("sample_parse_error", "no JSON"))
    run_loop(settings, backend, examples, [], unread, recorder, tmp_path)
    train = recorder.steps[0].train
    assert (train.reward_mean, train.n_failed, train.parse_error_share) == (0.0, 0, 1.0)


@pytest.mark.parametrize("tools", [None, [{"type": "function", "function": {"name": "look_up"}}]])
def test_only_rows_without_tools_end_at_their_first_json_value(
    settings: LoopSettings,
    backend: TorchBackend,
    examples: Rows,
    digits: Any,
    recorder: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tools: Any,
) -> None:
    asked = []
    sample = TorchSession.sample

    def spy(session: Any, prompts: Any, n: Any, sampling: Any, seeds: Any) -> Any:
        asked.append(sampling.stop_at_json)
        return sample(session, prompts, n, sampling, seeds)

    monkeypatch.setattr(TorchSession, "sample", spy)
    rows = [replace(example, tools=tools) for example in examples]
    run_loop(replace(settings, stop_at_json=True), backend, rows, [], digits, recorder, tmp_path)
    assert set(asked) == {tools is None}


def test_a_grader_that_fails_from_the_start_ends_the_run(
    settings: LoopSettings,
    backend: TorchBackend,
    examples: Rows,
    make_grader: Any,
    recorder: Any,
    tmp_path: Path,
) -> None:
    broken = make_grader(lambda sample, item: Grade.failure("other_error", "no such field"))
    with pytest.raises(UngradableError, match="failed on 16 of 16 samples: no such field"):
        run_loop(settings, backend, examples, [], broken, recorder, tmp_path)


def test_a_bad_minute_of_a_grader_is_a_warning(
    settings: LoopSettings,
    backend: TorchBackend,
    examples: Rows,
    make_grader: Any,
    recorder: Any,
    tmp_path: Path,
) -> None:
    grades = iter([Grade.of(0.0), Grade.of(1.0)] * 8 + [Grade.failure("other_error", "down")] * 16)
    run_loop(settings, backend, examples, [], make_grader(lambda *_: next(grades)), recorder, tmp_path)
    assert ("warn", "grader 'digits' failed on every sample: down") in recorder.notes
    assert recorder.steps[1].train.reward_mean is None


def test_a_pause_leaves_a_state_to_resume_from(
    settings: LoopSettings,
    backend: TorchBackend,
    examples: Rows,
    digits: Any,
    make_recorder: Any,
    tmp_path: Path,
) -> None:
    recorder = make_recorder([Wish.CONTINUE, Wish.PAUSE])
    outcome = run_loop(settings, backend, examples, [], digits, recorder, tmp_path)
    assert (outcome.ended_by, outcome.step) == (Wish.PAUSE, 1)
    assert recorder.checkpoints == [outcome.checkpoint]
    assert outcome.checkpoint.has_optimizer


def test_a_cancel_saves_nothing_more(
    settings: LoopSettings,
    backend: TorchBackend,
    examples: Rows,
    digits: Any,
    make_recorder: Any,
    tmp_path: Path,
) -> None:
    recorder = make_recorder([Wish.CONTINUE, Wish.CANCEL])
    outcome = run_loop(settings, backend, examples, [], digits, recorder, tmp_path)
    assert (outcome.ended_by, outcome.step, outcome.checkpoint) == (Wish.CANCEL, 1, None)
    assert not list(tmp_path.iterdir())


def test_evaluations_follow_the_interval_and_the_last_step(
    settings: LoopSettings, backend: TorchBackend, examples: Rows, digits: Any, recorder: Any, tmp_path: Path
) -> None:
    wanted = replace(settings, n_epochs=3, max_steps=5, eval_samples=2)
    run_loop(wanted, backend, examples, examples[:3], digits, recorder, tmp_path)
    assert [r.step for r in recorder.steps if r.valid is not None] == [2, 4, 5]
    assert [c.step for c in recorder.checkpoints] == [2, 4, 5]
    assert recorder.steps[1].valid.n_samples == 6


def test_a_kl_penalty_starts_at_zero_and_is_reported(
    settings: LoopSettings, backend: TorchBackend, examples: Rows, digits: Any, recorder: Any, tmp_path: Path
) -> None:
    run_loop(replace(settings, beta=0.1, n_epochs=2), backend, examples, [], digits, recorder, tmp_path)
    measured = [report.kl_mean for report in recorder.steps]
    assert measured[0] == pytest.approx(0.0, abs=1e-5)
    assert measured[-1] != pytest.approx(0.0, abs=1e-4)


def test_sampler_and_trainer_agree(
    settings: LoopSettings, backend: TorchBackend, examples: Rows, digits: Any, recorder: Any, tmp_path: Path
) -> None:
    run_loop(replace(settings, temperature=0.7), backend, examples, [], digits, recorder, tmp_path)
    assert all(0 < report.logprob_gap_max < 1e-4 for report in recorder.steps)


def test_a_thinking_model_trains_under_a_budget(
    settings: LoopSettings, backend: TorchBackend, thinker: Path, examples: Rows, digits: Any, recorder: Any,
    tmp_path: Path,
) -> None:  # fmt: skip
    wanted = replace(settings, model=str(thinker), reasoning_effort="medium", max_completion_tokens=12)
    run_loop(wanted, backend, examples, [], digits, recorder, tmp_path)
    assert 0 < recorder.steps[0].train.reasoning_tokens_mean <= 7
