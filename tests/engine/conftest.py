"""What engine tests share: a tiny real model, a digit-counting grader, a recording observer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import torch

from rftctl.dataset import Example, Sample
from rftctl.engine.backend import CheckpointRef, Completion, LoraSettings, SamplingSettings, TrainSequence
from rftctl.engine.progress import LoopSettings, Rollout, StepReport, Wish
from rftctl.engine.tiny import build_tiny_model
from rftctl.engine.torch_backend import TorchBackend
from rftctl.graders.base import Grade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from rftctl.engine.torch_backend.session import TorchSession


@dataclass
class DigitsGrader:
    """Rewards the share of digits; `verdict` replaces that rule."""

    verdict: Callable[[Sample, dict[str, Any]], Grade] | None = None
    name: str = "digits"
    type: str = "python"

    def grade_batch(self, pairs: Sequence[tuple[Sample, dict[str, Any]]]) -> list[Grade]:
        rule = self.verdict or self._digits
        return [rule(sample, item) for sample, item in pairs]

    @staticmethod
    def _digits(sample: Sample, item: dict[str, Any]) -> Grade:
        return Grade.of(sum(c.isdigit() for c in sample.output_text) / max(1, sample.completion_tokens))

    def close(self) -> None:
        pass


@dataclass
class Recorder:
    """Keeps what a loop says; `wishes` are answered in order, then always CONTINUE."""

    wishes: list[Wish] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    steps: list[StepReport] = field(default_factory=list)
    rollouts: list[Rollout] = field(default_factory=list)
    checkpoints: list[CheckpointRef] = field(default_factory=list)

    def wish(self) -> Wish:
        return self.wishes.pop(0) if self.wishes else Wish.CONTINUE

    def on_note(self, message: str, level: str = "info") -> None:
        self.notes.append((level, message))

    def on_rollouts(self, rollouts: Sequence[Rollout]) -> None:
        self.rollouts.extend(rollouts)

    def on_step(self, report: StepReport) -> None:
        self.steps.append(report)

    def on_checkpoint(self, ref: CheckpointRef, report: StepReport | None) -> None:
        self.checkpoints.append(ref)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("models") / "thinker", thinks=True)


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> TorchBackend:
    return TorchBackend(tmp_path_factory.mktemp("cache"), threads=1, dtype=torch.float32)


@pytest.fixture
def session(backend: TorchBackend, tiny: Path) -> Iterator[TorchSession]:
    opened = backend.open(str(tiny), lora=LoraSettings(rank=4, alpha=8.0), seed=0)
    yield opened
    opened.close()


@pytest.fixture
def examples() -> list[Example]:
    rows = [[{"role": "user", "content": f"row {i}"}] for i in range(8)]
    return [Example(i + 1, row, None, {"n": i}) for i, row in enumerate(rows)]


@pytest.fixture
def settings(tiny: Path) -> LoopSettings:
    return LoopSettings(
        model=str(tiny),
        n_epochs=1,
        batch_size=4,
        num_generations=4,
        max_completion_tokens=6,
        temperature=1.0,
        learning_rate=3e-3,
        beta=0.0,
        lora_rank=None,
        eval_interval=2,
        eval_samples=1,
        seed=7,
    )


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def digits() -> DigitsGrader:
    return DigitsGrader()


@pytest.fixture
def make_recorder() -> type[Recorder]:
    return Recorder


@pytest.fixture
def make_grader() -> type[DigitsGrader]:
    return DigitsGrader


@pytest.fixture
def prompts(session: TorchSession) -> list[tuple[int, ...]]:
    """Prompts of different lengths with a long common start, the first two equal."""
    texts = ["one", "one", "a much longer second prompt", "x"]
    return [session.render([{"role": "user", "content": text}]) for text in texts]


@pytest.fixture
def drawn(session: TorchSession, prompts: list[tuple[int, ...]]) -> list[list[Completion]]:
    return session.sample(prompts, 3, SamplingSettings(max_tokens=9, temperature=0.8), [1, 2, 3, 4])


@pytest.fixture
def batch(prompts: list[tuple[int, ...]], drawn: list[list[Completion]]) -> list[TrainSequence]:
    """Training sequences with advantages that differ from token to token."""
    return [
        TrainSequence(
            prompt,
            completion.tokens,
            completion.logprobs,
            tuple(0.1 * (i - j) + 0.01 * t for t in range(len(completion.tokens))),
            temperature=0.8,
        )
        for i, (prompt, group) in enumerate(zip(prompts, drawn, strict=True))
        for j, completion in enumerate(group)
    ]
