"""The RFT loop: sample a group of answers per prompt, grade them, push towards the better ones.

In: settings, a backend, examples, a grader. Out: checkpoints, and a report a step to an observer.

This is GRPO (arXiv 2402.03300) reduced to what a strictly on-policy loop needs:

- Kept: groups of answers to one prompt; the group's mean reward as baseline; a KL penalty (`beta`).
- Left out: the ratio clip and the pass for old log-probabilities. Each batch is trained on once, right
  after it was sampled, so the ratio is 1 but for rounding between sampler and trainer; the importance
  weight that remains corrects exactly that, and the gap is reported every step.
- Left out: division by the group's own standard deviation, which weighs easy and hopeless prompts up
  (arXiv 2503.20783). Advantages are divided by the deviation over the step's groups instead, so that
  the grader's units do not matter.
- The loss is the sum over all completion tokens of the step over their number, as in DAPO (arXiv
  2503.14476): a long answer counts by its tokens, and no answer is favoured for being short.
- The KL penalty goes through the advantages: a token that is likelier than under the base model, by more
  than the step's mean, is pushed down in proportion.
- Groups whose rewards hardly differ are not trained on: what is left of them after the mean is rounding,
  which Adam would blow up to full-sized steps.

A run is a function of its settings, rows and grader: order, seeds and prompts derive from (seed, step),
so a resumed run is the undisturbed one.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import chain
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Any

from rftctl.engine.answers import to_sample
from rftctl.engine.backend import AdamSettings, LoraSettings, SamplingSettings, TrainSequence
from rftctl.engine.measures import Meter, split_report, stable_seed
from rftctl.engine.progress import Outcome, Rollout, StepReport, Wish
from rftctl.engine.thinking import thinking_budget
from rftctl.errors import NotOfferedError, UngradableError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rftctl.dataset import Example
    from rftctl.engine.backend import CheckpointRef, Completion, Session, TrainBackend
    from rftctl.engine.progress import LoopSettings, Observer, SplitReport
    from rftctl.graders.base import Grader

_FAILING_STEPS = 3
"""Steps running in which most grades fail before the job is given up; on the first step one is enough."""


@dataclass(slots=True)
class Group:
    """The answers to one prompt, graded."""

    prompt: tuple[int, ...]
    completions: list[Completion]
    rollouts: list[Rollout]

    @property
    def rewards(self) -> list[float]:
        """Rewards of the answers that were graded."""
        return [r.grade.earned for r in self.rollouts if r.grade.earned is not None]

    @property
    def spread(self) -> float:
        """Standard deviation of the rewards; 0 when fewer than two answers were graded."""
        return pstdev(self.rewards) if len(self.rewards) > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Learning:
    """What training on one step's groups showed."""

    n_groups_used: int
    gap_mean: float
    gap_max: float
    kl_mean: float | None
    grad_norm: float | None


def run_loop(
    settings: LoopSettings,
    backend: TrainBackend,
    train: Sequence[Example],
    valid: Sequence[Example],
    grader: Grader,
    observer: Observer,
    checkpoints: Path,
    resume: CheckpointRef | None = None,
    tools: Sequence[dict[str, Any]] | None = None,
) -> Outcome:
    """Train until the last step, or until the observer wishes otherwise.

    Args:
        valid: rows never trained on; every evaluation samples `eval_samples` answers to each, at the
            training temperature and with the same seeds each time. May be empty.
        checkpoints: folder in which each evaluation and each pause leaves `step-NNNNNN`.
        resume: a checkpoint with optimizer state; the run goes on with the step after it.
        tools: tool definitions for rows that bring none.

    Raises:
        UngradableError: the grader itself fails on most samples.
        NotOfferedError: the backend cannot do what the settings ask, or the weights are not here.
        StorageError: a checkpoint could not be written.
    """
    _refuse_what_is_not_offered(settings, backend)
    session = backend.open(
        settings.model,
        lora=None
        if settings.lora_rank is None
        else LoraSettings(settings.lora_rank, 2.0 * settings.lora_rank),
        seed=settings.seed,
        resume=resume,
        needs_reference=settings.beta > 0,
    )
    try:
        chosen = ", ".join(f"{k} {v}" for k, v in backend.capabilities().description.items())
        observer.on_note(f"model '{settings.model}' loaded: {chosen}")
        loop = _Loop(settings, session, train, valid, grader, observer, checkpoints, tools, resume)
        return loop.run()
    finally:
        session.close()


def _refuse_what_is_not_offered(settings: LoopSettings, backend: TrainBackend) -> None:
    able = backend.capabilities()
    if settings.beta > 0 and not able.has_reference_logprobs:
        raise NotOfferedError(f"beta {settings.beta} is not offered by this backend", "set engine.beta: 0")
    if settings.lora_rank is None and not able.has_full_weights:
        raise NotOfferedError("full_weights is not offered by this backend", "set engine.lora_rank")


@dataclass(slots=True)
class _Loop:
    settings: LoopSettings
    session: Session
    train: Sequence[Example]
    valid: Sequence[Example]
    grader: Grader
    observer: Observer
    checkpoints: Path
    tools: Sequence[dict[str, Any]] | None
    checkpoint: CheckpointRef | None
    failing_steps: int = 0
    prompts: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def run(self) -> Outcome:
        first = 1 if self.checkpoint is None else self.checkpoint.step + 1
        total = self.settings.total_steps(len(self.train))
        for step in range(first, total + 1):
            wish = self.observer.wish()
            if wish is Wish.PAUSE:
                self._save(step - 1, None)
            if wish is not Wish.CONTINUE:
                return self._outcome(wish, step - 1)
            self._step(step, total)
        return self._outcome(Wish.CONTINUE, max(total, first - 1))

    def _step(self, step: int, total: int) -> None:
        meter = Meter()
        groups = self._roll_out(step, "train", self._batch(step), self.settings.num_generations, meter)
        self._check_grader(step, groups)
        with meter.timing("training"):
            learning = self._learn(groups)
        is_evaluation = step % self.settings.eval_interval == 0 or step == total
        valid = self._evaluate(step, meter) if is_evaluation else None
        report = StepReport(
            step=step,
            total_steps=total,
            train=self._split_report(groups, zero_spread=True),
            valid=valid,
            n_groups_used=learning.n_groups_used,
            logprob_gap_mean=learning.gap_mean,
            logprob_gap_max=learning.gap_max,
            kl_mean=learning.kl_mean,
            grad_norm=learning.grad_norm,
            **meter.readings(),
        )
        self.observer.on_step(report)
        if is_evaluation:
            self._save(step, report)

    def _batch(self, step: int) -> list[Example]:
        size = self.settings.batch_size
        epoch, nth = divmod(step - 1, -(-len(self.train) // size))
        order = list(range(len(self.train)))
        random.Random(stable_seed(self.settings.seed, "order", epoch)).shuffle(order)  # noqa: S311
        return [self.train[i] for i in order[nth * size : (nth + 1) * size]]

    def _roll_out(self, step: int, split: str, rows: Sequence[Example], n: int, meter: Meter) -> list[Group]:
        """Sample `n` answers per row and grade them all in one batch."""
        # Validation draws the same numbers every time, so that its curve moves with the model alone.
        drawn_at = step if split == "train" else 0
        seeds = [stable_seed(self.settings.seed, split, drawn_at, place) for place in range(len(rows))]
        prompts = [self._prompt(row) for row in rows]
        with meter.timing("sampling" if split == "train" else "eval"):
            groups = self.session.sample(prompts, n, self._sampling(rows), seeds)
        as_json = self.settings.stop_at_json
        samples = [[to_sample(c, has_response_format=as_json) for c in group] for group in groups]
        pairs = [(s, row.item) for row, mine in zip(rows, samples, strict=True) for s in mine]
        with meter.timing("grading" if split == "train" else "eval"):
            grades = iter(self.grader.grade_batch(pairs))
        rollouts = [
            [Rollout(step, split, row.line_number, sample, next(grades)) for sample in mine]
            for row, mine in zip(rows, samples, strict=True)
        ]
        self.observer.on_rollouts(list(chain.from_iterable(rollouts)))
        return [Group(*parts) for parts in zip(prompts, groups, rollouts, strict=True)]

    def _prompt(self, row: Example) -> tuple[int, ...]:
        key = id(row)
        if key not in self.prompts:
            tools = row.tools if row.tools is not None else self.tools
            self.prompts[key] = self.session.render(row.messages, tools, self.settings.reasoning_effort)
        return self.prompts[key]

    def _sampling(self, rows: Sequence[Example]) -> SamplingSettings:
        settings = self.settings
        # A tool call is JSON too, and calls may follow the answer's JSON.
        has_tools = bool(self.tools) or any(row.tools for row in rows)
        return SamplingSettings(
            max_tokens=settings.max_completion_tokens,
            temperature=settings.temperature,
            stop_at_json=settings.stop_at_json and not has_tools,
            reasoning_budget=thinking_budget(settings.reasoning_effort, settings.max_completion_tokens),
        )

    def _check_grader(self, step: int, groups: Sequence[Group]) -> None:
        """Give up on a grader that fails on most samples; one bad step may be a judge's bad minute."""
        grades = [r.grade for group in groups for r in group.rollouts]
        failed = [grade for grade in grades if grade.earned is None]
        self.failing_steps = self.failing_steps + 1 if 2 * len(failed) > len(grades) else 0
        if not self.failing_steps:
            return
        detail = next(iter(failed[0].details.values()), ", ".join(failed[0].errors))
        if self.failing_steps >= _FAILING_STEPS or step == 1:
            raise UngradableError(
                f"grader '{self.grader.name}' failed on {len(failed)} of {len(grades)} samples: {detail}",
                "try it on sample outputs with: rftctl grade",
            )
        which = "every sample" if len(failed) == len(grades) else f"{len(failed)} of {len(grades)} samples"
        self.observer.on_note(f"grader '{self.grader.name}' failed on {which}: {detail}", "warn")

    def _learn(self, groups: Sequence[Group]) -> Learning:
        """Take one optimizer step on the groups that have something to say; none if no group has."""
        used = [group for group in groups if group.spread >= self.settings.min_group_std]
        if not used:
            return Learning(0, 0.0, 0.0, None, None)
        batch, forced = self._sequences(used)
        kl_mean = None
        if self.settings.beta > 0:
            batch, kl_mean = self._penalised(batch, forced)
        done = self.session.forward_backward(batch)
        gaps = [
            abs(ours - theirs)
            for sequence, logprobs in zip(batch, done.trainer_logprobs, strict=True)
            for ours, theirs in zip(sequence.sampler_logprobs, logprobs, strict=True)
        ]
        step = self.session.optim_step(AdamSettings(self.settings.learning_rate))
        return Learning(len(used), fmean(gaps), max(gaps), kl_mean, step.grad_norm)

    def _sequences(self, used: Sequence[Group]) -> tuple[list[TrainSequence], list[tuple[bool, ...]]]:
        """Turn rewards into per-token advantages; answers that were not graded are left out."""
        scale = fmean(group.spread**2 for group in used) ** 0.5
        graded = [
            (group.prompt, completion, rollout.grade.earned - fmean(group.rewards))
            for group in used
            for completion, rollout in zip(group.completions, group.rollouts, strict=True)
            if rollout.grade.earned is not None
        ]
        n_tokens = sum(len(completion.tokens) for _, completion, _ in graded)
        batch = [
            TrainSequence(
                prompt=prompt,
                completion=completion.tokens,
                sampler_logprobs=completion.logprobs,
                advantages=tuple(0.0 if f else better / scale / n_tokens for f in completion.forced),
                temperature=self.settings.temperature,
            )
            for prompt, completion, better in graded
        ]
        return batch, [completion.forced for _, completion, _ in graded]

    def _penalised(
        self, batch: Sequence[TrainSequence], forced: Sequence[tuple[bool, ...]]
    ) -> tuple[list[TrainSequence], float]:
        """Lower the advantage of tokens that left the base model's distribution more than the mean."""
        reference = self.session.logprobs(batch, reference=True)
        gains = [
            [ours - base for ours, base in zip(sequence.sampler_logprobs, theirs, strict=True)]
            for sequence, theirs in zip(batch, reference, strict=True)
        ]
        free = [
            g for row, fs in zip(gains, forced, strict=True) for g, f in zip(row, fs, strict=True) if not f
        ]
        kl_mean = fmean(free) if free else 0.0
        weight = self.settings.beta / sum(map(len, gains))
        penalised = [
            TrainSequence(
                prompt=sequence.prompt,
                completion=sequence.completion,
                sampler_logprobs=sequence.sampler_logprobs,
                advantages=tuple(
                    0.0 if f else a + weight * (kl_mean - g)
                    for a, g, f in zip(sequence.advantages, row, fs, strict=True)
                ),
                temperature=sequence.temperature,
            )
            for sequence, row, fs in zip(batch, gains, forced, strict=True)
        ]
        return penalised, kl_mean

    def _evaluate(self, step: int, meter: Meter) -> SplitReport | None:
        if not self.valid:
            return None
        groups = self._roll_out(step, "valid", self.valid, self.settings.eval_samples, meter)
        return self._split_report(groups, zero_spread=False)

    def _split_report(self, groups: Sequence[Group], *, zero_spread: bool) -> SplitReport:
        flat = [group.spread < self.settings.min_group_std for group in groups]
        return split_report(
            [rollout for group in groups for rollout in group.rollouts],
            self.grader,
            has_response_format=self.settings.stop_at_json,
            zero_spread_share=fmean(flat) if zero_spread else None,
        )

    def _save(self, step: int, report: StepReport | None) -> None:
        # A pause right after an evaluation finds its state already on disk.
        if self.checkpoint is not None and self.checkpoint.step == step:
            return
        self.checkpoint = self.session.save(self.checkpoints / f"step-{step:06d}", step, optimizer=True)
        self.observer.on_checkpoint(self.checkpoint, report)

    def _outcome(self, ended_by: Wish, step: int) -> Outcome:
        return Outcome(ended_by, step, self.checkpoint, self.session.usage().trained_tokens)
