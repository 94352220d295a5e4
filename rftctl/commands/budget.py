"""What a spec's budget still allows.

In: the runs of the same spec on the same rows in the ledger. Out: `Spending`, or BudgetError.
An ended run counts with what it cost, if its own step times say so; every other run that was sent holds the
worst case of its estimate. A launch whose outcome is unknown never gives its share back by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rftctl.cost import actual_cost
from rftctl.errors import BudgetError
from rftctl.wire import FINAL_STATUSES, number

if TYPE_CHECKING:
    from collections.abc import Callable

    from rftctl.commands.preparing import Prepared
    from rftctl.cost import CostEstimate
    from rftctl.ledger import Ledger, Run

RESERVED = "reserved"
_SPENT_NOTHING = frozenset({"planned", "uploading", "refused", "abandoned"})


@dataclass(frozen=True, slots=True)
class Spending:
    """A budget and what earlier runs of the same spec took of it; US dollars.

    Attributes:
        max_usd: None when the spec sets no budget.
        spent_usd: what ended runs cost, as far as it is known.
        held_usd: what runs that go on, or whose cost is unknown, may cost at worst.
        holders: the ids of those runs.
    """

    max_usd: float | None
    spent_usd: float = 0.0
    held_usd: float = 0.0
    holders: tuple[str, ...] = ()

    @property
    def left_usd(self) -> float | None:
        """What is left, or None without a budget."""
        return None if self.max_usd is None else self.max_usd - self.spent_usd - self.held_usd

    def fits(self, estimate: CostEstimate) -> bool:
        """Whether the worst case fits; an unknown price never does."""
        left = self.left_usd
        # Written so that a NaN refuses: `nan > left` is False.
        return left is not None and estimate.high_usd is not None and estimate.high_usd <= left

    def to_json(self) -> dict[str, Any]:
        """Return the amounts as a plain dict."""
        return {
            "max_usd": self.max_usd,
            "spent_usd": self.spent_usd,
            "held_usd": self.held_usd,
            "holders": list(self.holders),
            "left_usd": self.left_usd,
        }


def spending_of(prepared: Prepared, ledger: Ledger, provider: str, *, but: str | None = None) -> Spending:
    """Add up what earlier runs of this spec on these rows at this provider took.

    Args:
        but: a run that is not counted: the one being launched.
    """
    spent, held, holders = 0.0, 0.0, []
    data_sha256 = prepared.data_sha256
    for run in ledger.find_launched(prepared.spec_file.sha256, provider):
        if run.run_id == but or run.state in _SPENT_NOTHING or run.data_sha256 != data_sha256:
            continue
        known = _known_cost(run, prepared, ledger)
        if known is not None:
            spent += known
            continue
        reserved = ledger.newest(run.run_id, RESERVED) or {}
        held += number(reserved.get("high_usd")) or 0.0
        holders.append(run.run_id)
    return Spending(prepared.spec_file.spec.budget.max_usd, spent, held, tuple(holders))


def check_budget(
    prepared: Prepared, provider: str, spending: Spending, may_spend: Callable[[CostEstimate], bool]
) -> None:
    """Refuse to spend more than the budget, or anything without consent.

    Raises:
        BudgetError: with what would be spent.
    """
    if not prepared.profile.is_billed:
        return
    estimate, cap = prepared.estimate, spending.max_usd
    if cap is None:
        if not may_spend(estimate):
            raise _nobody_agreed(provider, estimate)
        return
    if estimate.high_usd is None:
        raise BudgetError(
            f"the estimate of unknown price does not fit budget.max_usd {cap:g}: {estimate.basis}",
            "put usd_per_training_hour and step_seconds into RFTCTL_HOME's profiles.yaml, or drop the budget",
        )
    if not spending.fits(estimate):
        raise _does_not_fit(estimate, cap, spending)


def _known_cost(run: Run, prepared: Prepared, ledger: Ledger) -> float | None:
    if run.state not in FINAL_STATUSES:
        return None
    events = ledger.events(run.run_id)
    if run.state != "succeeded" and not any(event.type == "metrics" for event in events):
        return 0.0
    return actual_cost(prepared.profile, events).high_usd


def _nobody_agreed(provider: str, estimate: CostEstimate) -> BudgetError:
    hint = "give --yes, or set budget.max_usd in the spec"
    if estimate.high_usd is None:
        hint = (
            "put the price into profiles.yaml in RFTCTL_HOME (usd_per_training_hour, step_seconds), or --yes"
        )
    return BudgetError(
        f"{provider} bills training and nobody agreed to spend {estimate.describe()}: {estimate.basis}", hint
    )


def _does_not_fit(estimate: CostEstimate, cap: float, spending: Spending) -> BudgetError:
    message = f"the estimate {estimate.describe()} does not fit budget.max_usd {cap:g}"
    if spending.holders:
        held = f"${spending.held_usd:,.2f} held by {', '.join(spending.holders)}"
        return BudgetError(
            f"{message}: ${spending.spent_usd:,.2f} is spent and {held}",
            "raise the budget, or let those runs end and look: rftctl runs",
        )
    if spending.spent_usd:
        message += f": earlier runs of this spec cost ${spending.spent_usd:,.2f}"
    return BudgetError(message, "raise the budget, or lower n_epochs, eval_samples or the rows")
