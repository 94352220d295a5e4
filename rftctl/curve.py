"""The reward curve of a run, from its events.

In: `JobEvent`s of any provider, in any order, repeated or not. Out: `RewardCurve`: a point per step, split.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rftctl.wire import mapping, number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rftctl.wire import JobEvent


@dataclass(frozen=True, slots=True)
class RewardPoint:
    """What one step measured on one split; None where the provider does not say.

    Attributes:
        split: "train" or "valid". Train rewards are noisy: each step sees other rows.
        zero_spread_share, truncated_share: shares, 0 to 1.
    """

    step: int
    split: str
    reward_mean: float
    reward_std: float | None = None
    sub_rewards: dict[str, float] | None = None
    zero_spread_share: float | None = None
    truncated_share: float | None = None
    completion_tokens_mean: float | None = None


@dataclass(frozen=True, slots=True)
class RewardCurve:
    """All points of a run in step order, each step and split once."""

    points: tuple[RewardPoint, ...]
    total_steps: int | None = None

    @classmethod
    def from_events(cls, events: Iterable[JobEvent]) -> RewardCurve:
        """Collect the metrics events; a later event of the same step and split replaces an earlier one."""
        points: dict[tuple[int, str], RewardPoint] = {}
        total = None
        for event in sorted(events, key=lambda event: (event.created_at, event.step or 0)):
            if event.type != "metrics" or event.step is None:
                continue
            total = _integer(event.data.get("total_steps")) or total
            for point in _points(event):
                points[(point.step, point.split)] = point
        return cls(tuple(points[key] for key in sorted(points)), total)

    def split(self, name: str) -> tuple[RewardPoint, ...]:
        """Return the points of one split in step order."""
        return tuple(point for point in self.points if point.split == name)

    @property
    def last_step(self) -> int:
        """The newest step seen, 0 before the first."""
        return max((point.step for point in self.points), default=0)

    def missing_steps(self) -> tuple[int, ...]:
        """Steps without a training point between the first and the last: gaps."""
        seen = {point.step for point in self.split("train")}
        return tuple(step for step in range(1, self.last_step + 1) if step not in seen)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the points as plain dicts, in order."""
        return [asdict(point) for point in self.points]


def _points(event: JobEvent) -> Iterable[RewardPoint]:
    data, own = event.data, mapping(event.data.get("rftctl"))
    step = event.step or 0
    if event.train_reward is not None:
        yield RewardPoint(
            step,
            "train",
            event.train_reward,
            reward_std=number(own.get("reward_std")),
            sub_rewards=_sub_rewards(data, "train_reward_mean"),
            zero_spread_share=number(own.get("zero_spread_share")),
            truncated_share=number(own.get("truncated_share")),
            completion_tokens_mean=number(data.get("completion_tokens_mean")),
        )
    if event.valid_reward is not None:
        yield RewardPoint(
            step,
            "valid",
            event.valid_reward,
            sub_rewards=_sub_rewards(data, "valid_reward_mean"),
            truncated_share=number(own.get("valid_truncated_share")),
        )


def _sub_rewards(data: dict[str, Any], name: str) -> dict[str, float] | None:
    graders = mapping(data.get("scores")).get("graders")
    parts = [part for part in graders if isinstance(part, dict)] if isinstance(graders, list) else []
    found = {str(part.get("name")): value for part in parts if (value := number(part.get(name))) is not None}
    return found or None


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
