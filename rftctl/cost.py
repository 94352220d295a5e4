"""What a run will cost, and what it did cost.

In: a spec, a provider's profile, row counts; or the events of a run. Out: `CostEstimate`.
Reinforcement fine-tuning is billed by the hour of the training loop, so the estimate is hours times a rate.
An estimate is a range with its basis said aloud; a price that is not known stays None, never 0.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from rftctl.spec.reads import model_graders
from rftctl.wire import mapping, number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rftctl.profiles import Profile
    from rftctl.spec import RunSpec
    from rftctl.wire import JobEvent

AUTO_EPOCHS = 3
AUTO_BATCH_SIZE = 16


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """Money and time of a run; US dollars, None where nobody publishes the price.

    Attributes:
        low_usd, high_usd: the range; equal when the figure is measured.
        training_hours_low, training_hours_high: hours of the training loop.
        basis: one sentence saying where the numbers come from.
        checked_on: the day the prices were read, or None when nothing is billed.
    """

    low_usd: float | None
    high_usd: float | None
    training_hours_low: float | None
    training_hours_high: float | None
    basis: str
    checked_on: str | None = None

    def describe(self) -> str:
        """Say the money in a few words."""
        if self.low_usd is None or self.high_usd is None:
            return "of unknown price"
        if self.low_usd == self.high_usd:
            return f"${self.low_usd:,.2f}"
        return f"${self.low_usd:,.2f} to ${self.high_usd:,.2f}"

    def to_json(self) -> dict[str, Any]:
        """Return the document `rftctl.cost/1`."""
        return {"schema": "rftctl.cost/1", **asdict(self)}


def total_steps(spec: RunSpec, n_examples: int) -> int:
    """Training steps of a spec over so many rows; `auto` counts as a usual value."""
    wanted = spec.hyperparameters
    n_epochs = AUTO_EPOCHS if wanted.n_epochs == "auto" else wanted.n_epochs
    batch_size = AUTO_BATCH_SIZE if wanted.batch_size == "auto" else wanted.batch_size
    return n_epochs * ceil(n_examples / batch_size)


def estimate_cost(spec: RunSpec, profile: Profile, n_examples: int) -> CostEstimate:
    """Estimate a run before it is launched."""
    if not profile.is_billed:
        return CostEstimate(0.0, 0.0, None, None, "this machine trains; nobody bills it")
    rate, seconds = profile.usd_per_training_hour, profile.step_seconds
    if rate is None or seconds is None:
        return CostEstimate(
            None, None, None, None, f"{profile.name} publishes no price that was read", profile.checked_on
        )
    steps = total_steps(spec, n_examples)
    multiplier = spec.hyperparameters.compute_multiplier
    factor = 1.0 if multiplier == "auto" else multiplier
    low, high = (steps * factor * s / 3600 for s in seconds)
    basis = f"{steps} steps of {seconds[0]:g} to {seconds[1]:g} s at ${rate:g} an hour"
    if model_graders(spec.grader):
        basis += "; grader model tokens come on top"
    return CostEstimate(low * rate, high * rate, low, high, basis, profile.checked_on)


def actual_cost(profile: Profile, events: Iterable[JobEvent]) -> CostEstimate:
    """Add up what a run's own step times say it cost so far."""
    seconds = [_step_seconds(event) for event in events if event.type == "metrics"]
    hours = sum(seconds) / 3600
    if not profile.is_billed:
        basis = f"{len(seconds)} steps measured; this machine trained, nobody bills it"
        return CostEstimate(0.0, 0.0, hours, hours, basis)
    rate = profile.usd_per_training_hour
    usd = None if rate is None or not seconds or 0.0 in seconds else hours * rate
    basis = f"sum of {len(seconds)} measured step times; the invoice decides"
    return CostEstimate(usd, usd, hours, hours, basis, profile.checked_on)


def _step_seconds(event: JobEvent) -> float:
    step = mapping(mapping(event.data.get("timing")).get("step"))
    return number(step.get("full_iteration")) or 0.0
