"""Cost of a spec, and of a run.

In: a spec, or a run of the ledger. Out: `CostEstimate`.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from rftctl.commands.opening import count_rows
from rftctl.commands.updates import Progress
from rftctl.cost import actual_cost, estimate_cost
from rftctl.providers import connect, profile_of
from rftctl.spec import load_spec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rftctl.commands.updates import Command
    from rftctl.cost import CostEstimate
    from rftctl.home import Home
    from rftctl.ledger import Ledger, Run


def estimate_spec(
    spec_path: Path, home: Home, *, target: str | None = None, overrides: Mapping[str, str] | None = None
) -> Command[CostEstimate]:
    """Estimate what a spec will cost at its provider."""
    spec_file = load_spec(spec_path, target=target, overrides=overrides or {})
    yield Progress("counting rows", 0)
    profile = profile_of(spec_file.spec.provider, home)
    return estimate_cost(spec_file.spec, profile, count_rows(spec_file, "training_file"))


def actual_of_run(run: Run, home: Home, ledger: Ledger) -> Command[CostEstimate]:
    """Add up what a run has cost so far, from its newest events."""
    if run.job_id is not None:
        yield Progress("reading events", 0)
        with closing(connect(run.provider, home)) as provider:
            known = {event.id for event in ledger.events(run.run_id)}
            ledger.put_events(run.run_id, provider.events(run.job_id, known))
    return actual_cost(profile_of(run.provider, home), ledger.events(run.run_id))
