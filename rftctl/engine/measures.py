"""What a pass showed, in numbers; and seeds that are the same on every machine.

In: graded rollouts, clocks. Out: `SplitReport`, `GraderReport`, the timings of a `StepReport`.
"""

from __future__ import annotations

import hashlib
import resource
import sys
import time
from collections import Counter
from contextlib import contextmanager
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Any

from rftctl.dataset import ABSENT
from rftctl.engine.progress import GraderReport, SplitReport

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rftctl.engine.progress import Rollout
    from rftctl.graders.base import Grader


def stable_seed(*parts: object) -> int:
    """Hash what identifies a draw into a seed of 63 bits, the same in every process."""
    digest = hashlib.blake2b(":".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


class Meter:
    """Clocks of one step: wall seconds by phase, CPU seconds of this process, peak memory."""

    def __init__(self) -> None:
        self._start_s = time.perf_counter()
        self._start_cpu_s = time.process_time()
        self._phases: Counter[str] = Counter()

    @contextmanager
    def timing(self, phase: str) -> Iterator[None]:
        """Add the wall time of a block to a phase: sampling, grading, training or eval."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._phases[phase] += time.perf_counter() - start  # type: ignore[assignment]

    def readings(self) -> dict[str, Any]:
        """Give the fields of a `StepReport` that come from clocks."""
        phases = {
            f"{name}_s": float(self._phases[name]) for name in ("sampling", "grading", "training", "eval")
        }
        return {
            **phases,
            "full_iteration_s": time.perf_counter() - self._start_s,
            "cpu_s": time.process_time() - self._start_cpu_s,
            "peak_rss_bytes": _peak_rss_bytes(),
        }


def _peak_rss_bytes() -> int:
    # Kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def split_report(
    rollouts: Sequence[Rollout],
    grader: Grader,
    *,
    has_response_format: bool,
    zero_spread_share: float | None,
) -> SplitReport:
    """Sum up one pass over samples of one split; shares are of samples, 0 when there are none."""
    rewards = [r.grade.earned for r in rollouts if r.grade.earned is not None]
    unread = [
        "sample_parse_error" in r.grade.errors or (has_response_format and r.sample.output_json is ABSENT)
        for r in rollouts
    ]
    return SplitReport(
        reward_mean=fmean(rewards) if rewards else None,
        reward_std=pstdev(rewards) if rewards else None,
        n_samples=len(rollouts),
        n_failed=len(rollouts) - len(rewards),
        truncated_share=_mean([r.sample.is_truncated for r in rollouts]),
        parse_error_share=_mean(unread),
        completion_tokens_mean=_mean([r.sample.completion_tokens for r in rollouts]),
        reasoning_tokens_mean=_mean([r.sample.reasoning_tokens for r in rollouts]),
        zero_spread_share=zero_spread_share,
        graders=_grader_reports(rollouts, grader),
    )


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0


def _grader_reports(rollouts: Sequence[Rollout], grader: Grader) -> tuple[GraderReport, ...]:
    """Report the grader, then each part of a `multi` by name."""
    latency_s = _mean([r.grade.execution_time_s for r in rollouts])
    whole = _grader_report(
        grader.name,
        grader.type,
        [r.grade.earned for r in rollouts],
        Counter(flag for r in rollouts for flag in r.grade.errors),
        latency_s,
    )
    # A part's own flags and times are not kept apart in a grade: only its rewards are its own.
    types = {part.name: part.type for part in getattr(grader, "parts", ())}
    names = dict.fromkeys(name for r in rollouts for name in r.grade.sub_rewards)
    parts = [
        _grader_report(
            name,
            types.get(name, ""),
            [r.grade.sub_rewards[name] for r in rollouts if name in r.grade.sub_rewards],
            Counter(),
            0.0,
        )
        for name in names
    ]
    return (whole, *parts)


def _grader_report(
    name: str, kind: str, rewards: Sequence[float | None], errors: Counter[str], latency_s: float
) -> GraderReport:
    graded = [reward for reward in rewards if reward is not None]
    return GraderReport(
        name=name,
        type=kind,
        reward_mean=fmean(graded) if graded else None,
        error_counts=dict(errors),
        n_graded=len(graded),
        execution_latency_mean_s=latency_s,
    )
