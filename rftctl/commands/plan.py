"""Plan a launch: everything that it would send, before anything is sent.

In: a prepared spec. Out: `LaunchPlan`, the document `rftctl.plan/1`, which a person or a CI can review; and
from such a document the launch of exactly that request, or a refusal that says what has drifted since.
Planning only reads. A plan is a stranger's file as a spec is: nothing in it is sent, it is only compared with
what the spec gives now.
"""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from rftctl import __version__
from rftctl.commands.adopt import find_job
from rftctl.commands.budget import spending_of
from rftctl.commands.early import model_there
from rftctl.commands.launch import LaunchReport, Ticket, known_file, launch, request_of, run_of
from rftctl.commands.preparing import prepare_spec
from rftctl.commands.settling import NOT_LISTED, earlier_runs
from rftctl.commands.updates import Progress
from rftctl.errors import ExitCode, InvalidInputError, ProviderError
from rftctl.finding import Finding, Level, Place
from rftctl.providers import connect
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rftctl.commands.budget import Spending
    from rftctl.commands.preparing import Prepared
    from rftctl.commands.updates import Command
    from rftctl.cost import CostEstimate
    from rftctl.home import Home
    from rftctl.ledger import Ledger, Run
    from rftctl.providers.base import Provider

SCHEMA = "rftctl.plan/1"
MAX_PLAN_BYTES = 8 * 2**20


@dataclass(frozen=True)
class LaunchPlan:
    """What a launch would send, to whom, and what it may cost.

    Attributes:
        request: the body of the create request; a file not uploaded yet stands as `sha256:...`.
        reused: data files that the provider still holds, by the name of their key.
        existing: the run or job that a launch would find instead of sending anything, or None.
        address: where it would be sent; None when the provider could not be asked.
    """

    prepared: Prepared
    run: Run
    request: dict[str, Any]
    reused: Mapping[str, str]
    spending: Spending
    existing: dict[str, Any] | None
    address: str | None
    findings: tuple[Finding, ...]
    again: bool = False

    @property
    def exit_code(self) -> ExitCode:
        """BUDGET when the launch would be refused for its price, INVALID for an end date; else OK."""
        if any(finding.level is Level.ERROR for finding in self.findings):
            return ExitCode.INVALID
        is_limited = self.prepared.profile.is_billed and self.spending.max_usd is not None
        if is_limited and self.existing is None and not self.spending.fits(self.prepared.estimate):
            return ExitCode.BUDGET
        return ExitCode.OK

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.plan/1` document."""
        run, prepared = self.run, self.prepared
        return {
            "schema": SCHEMA,
            "rftctl_version": __version__,
            "created_at": int(time.time()),
            "run_id": run.run_id,
            "launch_id": run.launch_id,
            "again": self.again,
            "allowed": list(prepared.allowed_codes),
            "spec": {
                "path": Place.of(prepared.spec_file.path).path,
                "sha256": run.spec_sha256,
                "target": run.target,
                "overrides": dict(run.overrides),
            },
            "provider": _provider_facts(prepared, self.address),
            "data": [_file_facts(name, prepared, self.reused) for name in prepared.data],
            "data_sha256": run.data_sha256,
            "grader_sha256": run.grader_sha256,
            "estimate": _price(prepared),
            "budget": self.spending.to_json() | {"fits": self.exit_code is not ExitCode.BUDGET},
            "existing": self.existing,
            "request": self.request,
            "findings": [finding.to_json() for finding in (*prepared.allowed, *self.findings)],
        }


class _PlannedSpec(msgspec.Struct):
    path: str
    sha256: str
    target: str | None
    overrides: dict[str, str]


class _PlanFile(msgspec.Struct):
    """The part of a plan that is held against today."""

    schema: str
    run_id: str
    launch_id: str
    again: bool
    allowed: list[str]
    spec: _PlannedSpec
    provider: dict[str, Any]
    data: list[dict[str, Any]]
    grader_sha256: str
    estimate: dict[str, Any]
    request: dict[str, Any]


def plan_spec(
    spec_path: Path,
    home: Home,
    ledger: Ledger,
    *,
    target: str | None = None,
    overrides: Mapping[str, str] | None = None,
    again: bool = False,
    allow: Sequence[str] = (),
) -> Command[LaunchPlan]:
    """Say what launching a spec would send; nothing but reads.

    A provider that cannot be asked leaves gaps in the plan and a finding (RFT452), since plans are also made
    where there is no key.

    Raises:
        InvalidInputError: with every error that validation found and nobody allowed.
    """
    prepared = yield from prepare_spec(spec_path, home, target=target, overrides=overrides, allow=allow)
    name = prepared.spec_file.spec.provider
    yield Progress("asking the provider", 0)
    try:
        with closing(connect(name, home)) as provider:
            return _plan(prepared, ledger, name, provider, again)
    except ProviderError as error:
        return _plan(prepared, ledger, name, None, again, error)


def is_plan(path: Path) -> bool:
    """Tell a plan from a spec: a JSON object that names the plan's schema before anything else."""
    try:
        with path.open("rb") as file:
            head = file.read(256).lstrip()
    except OSError:
        return False
    return head[:1] == b"{" and b'"rftctl.plan/' in head


def launch_plan(
    plan_path: Path,
    home: Home,
    ledger: Ledger,
    *,
    may_spend: Callable[[CostEstimate], bool] = lambda _: False,
) -> Command[LaunchReport]:
    """Launch what a plan says, if it still holds; the same plan twice is one launch.

    Raises:
        InvalidInputError: the file is no plan, or spec, data, grader, price or request have drifted (RFT450).
    """
    plan = read_plan(plan_path)
    prepared = yield from prepare_spec(
        _spec_path(plan, plan_path),
        home,
        target=plan.spec.target,
        overrides=plan.spec.overrides,
        allow=plan.allowed,
    )
    with closing(connect(prepared.spec_file.spec.provider, home)) as provider:
        drifted = list(_drift(plan, prepared, provider, Place.of(plan_path)))
        if drifted:
            raise InvalidInputError(f"plan '{plan_path}' no longer holds", findings=drifted)
        ticket = Ticket(plan.run_id, plan.launch_id)
        return (
            yield from launch(
                prepared, ledger, provider, again=plan.again, may_spend=may_spend, ticket=ticket
            )
        )


def read_plan(path: Path) -> _PlanFile:
    """Read a plan document.

    Raises:
        InvalidInputError: it is none.
    """
    try:
        if path.stat().st_size > MAX_PLAN_BYTES:
            raise InvalidInputError(
                f"plan '{path}' is larger than {MAX_PLAN_BYTES >> 20} MiB", "make it anew"
            )
        plan = msgspec.json.decode(path.read_bytes(), type=_PlanFile)
    except OSError as error:
        raise InvalidInputError(
            f"plan '{path}' cannot be read: {error.strerror}", "check the path"
        ) from error
    except msgspec.MsgspecError as error:
        reason = one_line(str(error), limit=200)
        raise InvalidInputError(
            f"plan '{path}' is no plan: {reason}", "make one: rftctl launch SPEC --plan --json"
        ) from error
    if plan.schema != SCHEMA:
        raise InvalidInputError(f"plan '{path}' has schema '{one_line(plan.schema)}'", f"it must be {SCHEMA}")
    return plan


def _plan(
    prepared: Prepared,
    ledger: Ledger,
    name: str,
    provider: Provider | None,
    again: bool,
    error: ProviderError | None = None,
) -> LaunchPlan:
    earlier = [] if again else earlier_runs(prepared, ledger, name)
    ticket = Ticket(earlier[0].run_id, earlier[0].launch_id) if earlier else None
    run = run_of(prepared, name, ticket or Ticket.new(prepared.spec_file.spec.name))
    findings, existing, reused = list(prepared.findings), _existing_run(earlier), dict[str, str]()
    if provider is None:
        reason = error.message if error else "no connection"
        message, hint = f"{name} could not be asked: {reason}", error.hint if error else ""
        findings.append(Finding("RFT452", Level.WARNING, prepared.spec_file.place("provider"), message, hint))
    else:
        if prepared.profile.is_billed:
            allowed = prepared.allowed_codes
            findings += [f for f in model_there(prepared, provider) if f.code not in allowed]
        existing = existing or (None if again else _existing_job(prepared, provider))
        found = {key: known_file(key, prepared, ledger, provider) for key in prepared.data}
        reused = {key: file_id for key, file_id in found.items() if file_id}
    files = {key: reused.get(key, f"sha256:{data.sha256}") for key, data in prepared.data.items()}
    return LaunchPlan(
        prepared=prepared,
        run=run,
        request=request_of(prepared, run, files),
        reused=reused,
        spending=spending_of(prepared, ledger, name, but=earlier[0].run_id if earlier else None),
        existing=existing,
        address=provider.address if provider else None,
        findings=tuple(findings),
        again=again,
    )


def _existing_run(earlier: Sequence[Run]) -> dict[str, Any] | None:
    if not earlier or earlier[0].job_id is None:
        return None
    run = earlier[0]
    return {"run_id": run.run_id, "job_id": run.job_id, "status": run.state}


def _existing_job(prepared: Prepared, provider: Provider) -> dict[str, Any] | None:
    try:
        job = find_job(provider, prepared.spec_file.sha256, prepared.data_sha256)
    except ProviderError as error:
        if error.status in NOT_LISTED:
            return None
        raise
    return None if job is None else {"run_id": None, "job_id": job.id, "status": job.status}


def _provider_facts(prepared: Prepared, address: str | None) -> dict[str, Any]:
    profile, model = prepared.profile, prepared.profile.find_model(prepared.spec_file.spec.model)
    return {
        "name": prepared.spec_file.spec.provider,
        "title": profile.title,
        "base_url": address,
        "ends_on": profile.ends_on and profile.ends_on.isoformat(),
        "model": prepared.spec_file.spec.model,
        "model_retires_on": model and model.retires_on and model.retires_on.isoformat(),
        "model_note": model.note if model else "",
        "pauses_at_usd": profile.pauses_at_usd,
        "source": profile.source,
        "checked_on": profile.checked_on,
    }


def _file_facts(name: str, prepared: Prepared, reused: Mapping[str, str]) -> dict[str, Any]:
    data = prepared.data[name]
    return {
        "name": name,
        "path": Place.of(data.path).path,
        "sha256": data.sha256,
        "n_bytes": data.n_bytes,
        "n_rows": data.n_rows,
        "file_id": reused.get(name),
        "is_reused": name in reused,
    }


def _price(prepared: Prepared) -> dict[str, Any]:
    rate = prepared.profile.usd_per_training_hour
    return prepared.estimate.to_json() | {"usd_per_training_hour": rate}


def _spec_path(plan: _PlanFile, plan_path: Path) -> Path:
    """Find the spec as the plan names it: from here, else from where the plan lies."""
    path = Path(plan.spec.path)
    return path if path.exists() or path.is_absolute() else plan_path.parent / path


def _drift(plan: _PlanFile, prepared: Prepared, provider: Provider, place: Place) -> Iterator[Finding]:
    planned_data = {str(file.get("name")): file.get("sha256") for file in plan.data}
    data = {name: file.sha256 for name, file in prepared.data.items()}
    price, planned_price = _price(prepared), plan.estimate
    run = run_of(prepared, provider.name, Ticket(plan.run_id, plan.launch_id))
    request = _without_files(request_of(prepared, run, {"training_file": "-"}))
    planned_address = plan.provider.get("base_url")
    pairs: list[tuple[str, Any, Any]] = [
        ("spec", plan.spec.sha256, prepared.spec_file.sha256),
        *((name, planned_data.get(name), data.get(name)) for name in dict.fromkeys([*planned_data, *data])),
        ("grader", plan.grader_sha256, prepared.grader_sha256),
        *((f"price: {key}", planned_price.get(key), price[key]) for key in price if key != "schema"),
        ("provider", plan.provider.get("name"), provider.name),
        ("base URL", planned_address, provider.address if planned_address else None),
        ("request", _digestible(_without_files(plan.request)), _digestible(request)),
    ]
    for what, planned, now in pairs:
        if planned != now:
            message = f"{what} has drifted: {_shown(planned)} was planned, and now it is {_shown(now)}"
            yield Finding("RFT450", Level.ERROR, place, message, "make the plan anew and have it reviewed")


def _without_files(request: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in request.items() if key not in ("training_file", "validation_file")}


def _digestible(request: dict[str, Any]) -> str:
    return json.dumps(request, sort_keys=True)


def _shown(value: Any) -> str:
    text = one_line(str(value), limit=2000)
    return f"'{text}'" if len(text) <= 72 else f"'{text[:32]}…{text[-32:]}'"
