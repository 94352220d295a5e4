"""What a run's settings are: as the spec says, as sent, and as the provider says it uses them.

In: a prepared launch; later the run's ledger entries and its job. Out: `SettingsReport`. `auto` becomes a
number once the provider has chosen one; where it uses another value than was sent, there is a finding.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rftctl.commands.updates import Note
from rftctl.errors import ProviderError
from rftctl.finding import Finding, Level, Place
from rftctl.providers import connect
from rftctl.text import one_line
from rftctl.wire import mapping

if TYPE_CHECKING:
    from rftctl.commands.preparing import Prepared
    from rftctl.commands.updates import Command
    from rftctl.home import Home
    from rftctl.ledger import Ledger, Run
    from rftctl.spec import SpecFile
    from rftctl.wire import Job

_TOP = ("model", "training_file", "validation_file", "seed", "suffix")
_METHOD = ("response_format", "tools", "grader")
# The provider puts its own choice in place of these, as it does for an absent key.
_LEFT_TO_THE_PROVIDER = (None, "auto", "default")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting on its way.

    Attributes:
        spec: the value that the spec gives, None where it is silent.
        origin: where the value comes from: file, line and column, `--set`, or whose default it is.
        sent: the value in the request; None when the request has no such key.
        used: the value in the provider's job; None when it does not say.
    """

    name: str
    spec: Any
    origin: str
    sent: Any
    used: Any

    @property
    def agrees(self) -> bool:
        """Whether the provider uses what was sent, as far as it says."""
        if self.sent in _LEFT_TO_THE_PROVIDER or self.used is None:
            return True
        if self.name == "model":
            return str(self.sent) in str(self.used)
        return _holds(self.sent, self.used)


@dataclass(frozen=True, slots=True)
class SettingsReport:
    """Every setting of a run, and where the provider did not follow."""

    run: Run
    settings: tuple[Setting, ...]
    findings: tuple[Finding, ...]

    exit_code = 0

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.run-settings/1` document."""
        return {
            "schema": "rftctl.run-settings/1",
            "run_id": self.run.run_id,
            "job_id": self.run.job_id,
            "settings": [asdict(setting) | {"agrees": setting.agrees} for setting in self.settings],
            "findings": [finding.to_json() for finding in self.findings],
        }


def chosen_settings(prepared: Prepared) -> list[dict[str, Any]]:
    """List a spec's settings with their values and where each comes from; kept with the run."""
    spec_file, spec = prepared.spec_file, prepared.spec_file.spec
    rows = [_row(spec_file, (name,), getattr(spec, name), "provider's choice") for name in _TOP]
    chosen = spec.hyperparameters.model_fields_set
    for name in type(spec.hyperparameters).model_fields:
        if name in chosen or name in prepared.profile.hyperparameters:
            value = getattr(spec.hyperparameters, name) if name in chosen else None
            rows.append(_row(spec_file, ("hyperparameters", name), value, "provider's default"))
    if prepared.profile.accepts_engine:
        for name in type(spec.engine).model_fields:
            is_set = name in spec.engine.model_fields_set
            value = getattr(spec.engine, name)
            origin = "" if is_set else "rftctl's default"
            rows.append(_row(spec_file, ("engine", name), value if is_set else None, origin))
    rows += [
        _row(spec_file, (name,), getattr(spec, name), "not set") for name in ("response_format", "tools")
    ]
    extra = [{"name": k, "value": None, "from": "profiles.yaml"} for k in prepared.profile.request_keys]
    return [
        *rows,
        {"name": "grader", "value": spec_file.grader, "from": str(spec_file.place("grader"))},
        *extra,
    ]


def show_settings(run: Run, ledger: Ledger, home: Home) -> Command[SettingsReport]:
    """Lay a run's settings beside what was sent and what its provider uses."""
    job = yield from _ask(run, home)
    request = mapping((ledger.newest(run.run_id, "request") or {}).get("body"))
    noted = (ledger.newest(run.run_id, "settings") or {}).get("settings") or []
    rows: dict[str, dict[str, Any]] = {row["name"]: row for row in noted}
    sent, used = _sent(request), _used(job) if job else {}
    names = list(dict.fromkeys([*rows, *sent, *(name for name in used if name in sent or not rows)]))
    settings = tuple(
        Setting(
            name,
            rows.get(name, {}).get("value"),
            rows.get(name, {}).get("from", "not known here"),
            sent.get(name),
            used.get(name),
        )
        for name in names
    )
    findings = tuple(_disagreement(setting, run) for setting in settings if not setting.agrees)
    return SettingsReport(run, settings, findings)


def _ask(run: Run, home: Home) -> Command[Job | None]:
    if run.job_id is None:
        yield Note(f"run {run.run_id} has no job yet, so nobody says what is used", "warning")
        return None
    try:
        with closing(connect(run.provider, home)) as provider:
            return provider.job(run.job_id)
    except ProviderError as error:
        yield Note(f"{run.provider} could not be asked what it uses: {error.message}", "warning")
        return None


def _row(spec_file: SpecFile, keys: tuple[str, ...], value: Any, default: str) -> dict[str, Any]:
    origin = default if value is None else str(spec_file.place(*keys))
    return {"name": ".".join(keys), "value": _plain(value), "from": origin}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _sent(request: dict[str, Any]) -> dict[str, Any]:
    method = mapping(mapping(request.get("method")).get("reinforcement"))
    found = {name: request.get(name) for name in _TOP}
    found |= {f"hyperparameters.{k}": v for k, v in mapping(method.get("hyperparameters")).items()}
    found |= {f"engine.{k}": v for k, v in mapping(mapping(request.get("rftctl")).get("engine")).items()}
    found |= {name: method.get(name) for name in _METHOD}
    known = {*_TOP, "method", "metadata", "rftctl"}
    found |= {key: value for key, value in request.items() if key not in known}
    return {name: value for name, value in found.items() if value is not None}


def _used(job: Job) -> dict[str, Any]:
    raw = job.raw
    own = mapping(raw.get("rftctl"))
    found = _sent(
        {**raw, "rftctl": {"engine": {**mapping(own.get("engine")), **mapping(own.get("settings"))}}}
    )
    suffix = raw.get("user_provided_suffix")
    return {**found, "suffix": suffix} if suffix is not None else found


def _holds(sent: Any, used: Any) -> bool:
    """Whether everything sent is in what is used; a provider may write its defaults beside it."""
    if isinstance(sent, dict) and isinstance(used, dict):
        return all(key in used and _holds(value, used[key]) for key, value in sent.items())
    if isinstance(sent, list) and isinstance(used, list):
        return len(sent) == len(used) and all(map(_holds, sent, used))
    return bool(sent == used)


def _disagreement(setting: Setting, run: Run) -> Finding:
    sent, used = (one_line(str(value), limit=60) for value in (setting.sent, setting.used))
    message = f"{setting.name}: '{sent}' was sent and {run.provider} uses '{used}'"
    hint = "what it trains is not what the spec says; cancel it if that matters"
    return Finding("RFT451", Level.WARNING, Place(setting.name), message, hint)
