"""Check a spec, its data, its grader and its provider before anything is spent.

In: a spec's path. Out: `ValidationReport`, the document `rftctl.validate/1`: every finding in one pass,
at its line and column, the first of each code shown and the rest counted. Nothing is sent anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rftctl.commands.updates import Command, Progress
from rftctl.dataset.check import DataRules, SplitReport, check_dataset
from rftctl.dataset.log import FindingLog
from rftctl.dataset.rows import RowRules
from rftctl.dataset.tools import check_tools
from rftctl.errors import ExitCode, InvalidInputError
from rftctl.finding import Finding, Level, Place, has_errors
from rftctl.home import Home, open_home
from rftctl.profiles import load_profiles
from rftctl.spec.fit import Fit
from rftctl.spec.load import draft_spec
from rftctl.spec.output import check_output
from rftctl.spec.overlay import suggest
from rftctl.spec.reads import python_fields, template_paths
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rftctl.profiles import Profile
    from rftctl.spec import SpecFile
    from rftctl.spec.load import SpecDraft
    from rftctl.strict_yaml import Key

SPLITS = {"training": "training_file", "validation": "validation_file", "test": "test_file"}


@dataclass(frozen=True)
class ValidationReport:
    """Everything there is to say about a spec before it runs.

    Attributes:
        findings: the first of each code, in the order of the checks.
        left_out: code -> findings of it that are not shown.
        n_examples: split -> rows read.
        strict: warnings refuse too.
    """

    path: str
    findings: tuple[Finding, ...]
    left_out: dict[str, int] = field(default_factory=dict)
    n_examples: dict[str, int] = field(default_factory=dict)
    provider: str | None = None
    target: str | None = None
    n_errors: int = 0
    n_warnings: int = 0
    strict: bool = False

    @property
    def exit_code(self) -> ExitCode:
        """INVALID on any error, or with `strict` on any warning."""
        refused = self.n_errors > 0 or (self.strict and self.n_warnings > 0)
        return ExitCode.INVALID if refused else ExitCode.OK

    def to_json(self) -> dict[str, Any]:
        """Return the document `rftctl.validate/1`."""
        return {
            "schema": "rftctl.validate/1",
            "path": self.path,
            "valid": self.exit_code is ExitCode.OK,
            "provider": self.provider,
            "target": self.target,
            "n_errors": self.n_errors,
            "n_warnings": self.n_warnings,
            "n_examples": dict(self.n_examples),
            "findings": [finding.to_json() for finding in self.findings],
            "left_out": dict(self.left_out),
        }


def validate(
    spec_file_path: Path,
    *,
    target: str | None = None,
    overrides: Mapping[str, str] = MappingProxyType({}),
    strict: bool = False,
    today: date | None = None,
    home: Home | None = None,
) -> Command[ValidationReport]:
    """Check a spec and everything it names; yields progress and returns the report.

    Args:
        target: an overlay of the spec.
        overrides: dotted key -> YAML text.
        strict: count warnings as errors.
        today: the day against which end dates are held; by default today.
        home: the user's configuration; by default the one the environment names.

    Raises:
        InvalidInputError: the user's own config.yaml or profiles.yaml is broken.
    """
    home = home or open_home()
    check = _Validation(home, today or datetime.now(UTC).date())
    try:
        draft = draft_spec(spec_file_path, target=target, overrides=overrides)
    except InvalidInputError as error:
        check.log.add_all(error.findings)
    else:
        yield from check.run(draft)
    return check.report(Place.of(spec_file_path).path, target, strict)


class _Validation:
    """One pass over a spec, going on as far as what is wrong allows."""

    def __init__(self, home: Home, today: date) -> None:
        self._home, self._today = home, today
        self._profiles = _all_profiles(home)
        self._provider: str | None = None
        self.log = FindingLog()
        self._splits: dict[str, SplitReport] = {}

    def run(self, draft: SpecDraft) -> Command[None]:
        self.log.add_all(draft.findings)
        provider = draft.layers.value.get("provider")
        self._provider = provider if isinstance(provider, str) else None
        profile = self._profiles.get(self._provider or "")
        if profile is None and self._provider is not None:
            self.log.add(_unknown_provider(draft, self._provider, self._profiles))
        if not has_errors(draft.findings):
            self._check_spec(draft.finish(), profile)
        if draft.grader is not None:
            self.log.add_all(_check_grader(draft))
        for split, key in SPLITS.items():
            if key in draft.files:
                rules = data_rules(draft.grader or {}, profile, split)
                yield from self._data(split, draft.files[key], rules)

    def _check_spec(self, spec_file: SpecFile, profile: Profile | None) -> None:
        if profile is not None:
            fit = Fit(spec_file, profile, self._profiles, self._today, self._home.judges)
            self.log.add_all(fit.check())
        self.log.add_all(check_output(spec_file))
        self.log.add_all(_check_spec_tools(spec_file))

    def _data(self, split: str, path: Path, rules: DataRules) -> Command[None]:
        checking = check_dataset(path, split=split, log=self.log, rules=rules, others=dict(self._splits))
        while True:
            try:
                yield Progress(f"{split} rows", next(checking))
            except StopIteration as end:
                self._splits[split] = end.value
                return

    def report(self, path: str, target: str | None, strict: bool) -> ValidationReport:
        levels = self.log.n_by_level
        return ValidationReport(
            path=path,
            findings=self.log.kept,
            left_out=self.log.left_out,
            n_examples={name: report.n_rows for name, report in self._splits.items()},
            provider=self._provider,
            target=target,
            n_errors=levels[Level.ERROR],
            n_warnings=levels[Level.WARNING],
            strict=strict,
        )


def data_rules(grader: dict[str, Any], profile: Profile | None, split: str) -> DataRules:
    """Gather what a split's rows must satisfy: the provider's limits and what the grader reads."""
    reads = tuple(read.path for read in template_paths(grader))
    fields = tuple(dict.fromkeys(name for _, name in python_fields(grader)))
    if profile is None:
        return DataRules(reads=reads, fields=fields)
    limits, is_training, is_test = profile.limits, split == "training", split == "test"
    return DataRules(
        rows=RowRules(frozenset(profile.roles), frozenset(profile.last_roles), frozenset(profile.part_types)),
        reads=reads,
        fields=fields,
        min_rows=limits.min_training_rows if is_training else None,
        max_rows=None if is_test else limits.max_training_rows if is_training else limits.max_validation_rows,
        max_bytes=None if is_test else limits.max_file_bytes,
        source=profile.evidence,
    )


def _all_profiles(home: Home) -> dict[str, Profile]:
    profiles = load_profiles(home.profiles)
    for name, settings in home.providers.items():
        like = str(settings.get("profile", "openai"))
        if like in profiles:
            profiles[name] = profiles[like]
    return profiles


def _unknown_provider(draft: SpecDraft, provider: str, profiles: Mapping[str, Profile]) -> Finding:
    name, place = one_line(provider), draft.layers.place("provider")
    hint = suggest(provider, list(profiles)) + "; others are defined under `providers:` in config.yaml"
    return Finding("RFT400", Level.ERROR, place, f"provider '{name}' is not known", hint)


def _check_grader(draft: SpecDraft) -> list[Finding]:
    from rftctl.graders import check_grader

    def place(keys: Sequence[Key]) -> Place:
        return draft.layers.place("grader", *keys)

    return check_grader(draft.grader, place)


def _check_spec_tools(spec_file: SpecFile) -> list[Finding]:
    tools = spec_file.spec.tools
    if tools is None:
        return []
    place = spec_file.place("tools")
    return [Finding("RFT145", f.level, place, f.message, f.hint) for f in check_tools(list(tools))]
