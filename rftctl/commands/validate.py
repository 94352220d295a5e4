"""Check a spec, its data, its grader and its provider before anything is spent.

In: a spec's path. Out: `ValidationReport`, the document `rftctl.validate/1`: every finding in one pass,
at its line and column, the first of each code shown and the rest counted. Nothing is sent anywhere unless
`online` asks the provider; a baseline takes out the findings that a team has accepted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rftctl.commands.baseline import fingerprint, make_baseline, read_baseline
from rftctl.commands.data_rules import data_rules
from rftctl.commands.quotes import read_quotes
from rftctl.commands.updates import Command, Progress
from rftctl.dataset.check import SplitReport, check_dataset
from rftctl.dataset.log import SHOWN_PER_CODE, FindingLog
from rftctl.dataset.tools import check_tools
from rftctl.errors import ExitCode, InvalidInputError
from rftctl.finding import Finding, Level, Place, has_errors
from rftctl.home import Home, open_home
from rftctl.profiles import load_profiles
from rftctl.spec.fit import Fit
from rftctl.spec.load import draft_spec
from rftctl.spec.output import check_output
from rftctl.spec.overlay import suggest
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rftctl.commands.baseline import Baseline
    from rftctl.commands.online import OnlineAnswers
    from rftctl.commands.quotes import Quote
    from rftctl.dataset.check import DataRules
    from rftctl.dataset.tokens import TokenReport
    from rftctl.profiles import Profile
    from rftctl.spec import SpecFile
    from rftctl.spec.load import SpecDraft
    from rftctl.strict_yaml import Key

KEPT_FOR_BASELINE = 20_000
"""Findings of one code that a baseline can tell apart; more are counted and never accepted."""
SPLITS = {"training": "training_file", "validation": "validation_file", "test": "test_file"}


@dataclass(frozen=True)
class ValidationReport:
    """Everything there is to say about a spec before it runs.

    Attributes:
        findings: the first of each code, in the order of the checks.
        left_out: code -> findings of it that are not shown.
        n_examples: split -> rows read.
        strict: warnings refuse too.
        tokens: split -> how long its prompts are.
        quotes: place -> the line a finding points into.
        fingerprints: place and code of a finding -> what a baseline knows it by.
        n_accepted: findings that the baseline took out.
        baseline: the baseline's path, and `n_in_baseline` what it holds.
        online: what the provider said, where it was asked.
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
    n_notes: int = 0
    n_accepted: int = 0
    baseline: str | None = None
    n_in_baseline: int = 0
    online: OnlineAnswers | None = None
    tokens: Mapping[str, TokenReport] = field(default_factory=dict, repr=False)
    quotes: Mapping[Place, Quote] = field(default_factory=dict, repr=False)
    fingerprints: Mapping[Finding, str] = field(default_factory=dict, repr=False)

    @property
    def is_valid(self) -> bool:
        """Whether nothing refuses: no error, and with `strict` no warning."""
        return self.n_errors == 0 and not (self.strict and self.n_warnings > 0)

    @property
    def exit_code(self) -> ExitCode:
        """INVALID if anything refuses; else PROVIDER if the provider was asked and did not answer."""
        if not self.is_valid:
            return ExitCode.INVALID
        return ExitCode.PROVIDER if self.online is not None and self.online.failure else ExitCode.OK

    def to_json(self) -> dict[str, Any]:
        """Return the document `rftctl.validate/1`."""
        return {
            "schema": "rftctl.validate/1",
            "path": self.path,
            "valid": self.is_valid,
            "provider": self.provider,
            "target": self.target,
            "n_errors": self.n_errors,
            "n_warnings": self.n_warnings,
            "n_notes": self.n_notes,
            "n_examples": dict(self.n_examples),
            "findings": [finding.to_json() for finding in self.findings],
            "left_out": dict(self.left_out),
            "baseline": self.baseline and {"path": self.baseline, "n_entries": self.n_in_baseline},
            "n_accepted": self.n_accepted,
            "tokens": {split: report.to_json() for split, report in self.tokens.items()},
            "online": self.online and self.online.to_json(),
        }


def validate(
    spec_file_path: Path,
    *,
    target: str | None = None,
    overrides: Mapping[str, str] = MappingProxyType({}),
    strict: bool = False,
    today: date | None = None,
    home: Home | None = None,
    baseline: Path | None = None,
    update_baseline: bool = False,
    online: bool = False,
) -> Command[ValidationReport]:
    """Check a spec and everything it names; yields progress and returns the report.

    Args:
        target: an overlay of the spec.
        overrides: dotted key -> YAML text.
        strict: count warnings as errors.
        today: the day against which end dates are held; by default today.
        home: the user's configuration; by default the one the environment names.
        baseline: a file of accepted findings, which are left out; `update_baseline` writes it first.
        online: ask the provider for its models, its view of the grader and whether it lets us in.

    Raises:
        InvalidInputError: the user's own config.yaml or profiles.yaml, or the baseline, is broken.
        StorageError: the baseline cannot be written.
    """
    home = home or open_home()
    check = _Validation(home, today or datetime.now(UTC).date(), baseline is not None)
    known = read_baseline(baseline) if baseline is not None and not update_baseline else None
    try:
        draft = draft_spec(spec_file_path, target=target, overrides=overrides)
    except InvalidInputError as error:
        check.log.add_all(error.findings)
    else:
        yield from check.run(draft)
        if online:
            yield from check.ask()
    report = check.report(Place.of(spec_file_path).path, target, strict)
    folder = spec_file_path.absolute().parent
    if baseline is not None and update_baseline:
        known = make_baseline(baseline, report.findings, report.quotes, folder)
    return _settled(report, known, folder)


def _settled(report: ValidationReport, baseline: Baseline | None, folder: Path) -> ValidationReport:
    """Take out what the baseline accepts, say what of it no longer occurs, and keep the first of a code."""
    log = FindingLog()
    prints = {
        finding: fingerprint(finding, report.quotes.get(finding.place), folder) for finding in report.findings
    }
    levels: Counter[Level] = Counter()
    for finding in report.findings:
        if baseline is not None and baseline.accepts(finding, prints[finding]):
            levels[finding.level] += 1
        else:
            log.add(finding)
    stale = baseline.stale() if baseline is not None else []
    log.add_all(stale)
    return replace(
        report,
        findings=log.kept,
        left_out=dict(Counter(log.left_out) + Counter(report.left_out)),
        n_errors=report.n_errors - levels[Level.ERROR],
        n_warnings=report.n_warnings - levels[Level.WARNING],
        n_notes=report.n_notes + len(stale),
        n_accepted=levels.total(),
        baseline=Place.of(baseline.path).path if baseline else None,
        n_in_baseline=len(baseline.entries) if baseline else 0,
        fingerprints={finding: prints[finding] for finding in log.kept if finding in prints},
    )


class _Validation:
    """One pass over a spec, going on as far as what is wrong allows."""

    def __init__(self, home: Home, today: date, keeps_all: bool) -> None:
        self._home, self._today = home, today
        self._profiles = _all_profiles(home)
        self._provider: str | None = None
        self._spec_file: SpecFile | None = None
        self._answers: OnlineAnswers | None = None
        self.log = FindingLog(KEPT_FOR_BASELINE if keeps_all else SHOWN_PER_CODE)
        self._splits: dict[str, SplitReport] = {}
        self._seen: set[Path] = set()

    def run(self, draft: SpecDraft) -> Command[None]:
        self.log.add_all(draft.findings)
        provider = draft.layers.value.get("provider")
        self._provider = provider if isinstance(provider, str) else None
        profile = self._profiles.get(self._provider or "")
        if profile is None and self._provider is not None:
            self.log.add(_unknown_provider(draft, self._provider, self._profiles))
        if not has_errors(draft.findings):
            self._spec_file = draft.finish()
            self._check_spec(self._spec_file, profile)
        if draft.grader is not None:
            self.log.add_all(_check_grader(draft))
        for split, key in SPLITS.items():
            # A file that is two splits at once is one finding of the spec, and not one more for every row.
            if key in draft.files and draft.files[key] not in self._seen:
                self._seen.add(draft.files[key])
                model = str(draft.layers.value.get("model", ""))
                rules = data_rules(draft.grader or {}, profile, split, model, draft.layers.place)
                yield from self._data(split, draft.files[key], rules)

    def _check_spec(self, spec_file: SpecFile, profile: Profile | None) -> None:
        if profile is not None:
            fit = Fit(spec_file, profile, self._profiles, self._today, self._home.judges)
            self.log.add_all(fit.check())
        self.log.add_all(check_output(spec_file, profile))
        self.log.add_all(_check_spec_tools(spec_file))

    def _data(self, split: str, path: Path, rules: DataRules) -> Command[None]:
        checking = check_dataset(path, split=split, log=self.log, rules=rules, others=dict(self._splits))
        while True:
            try:
                yield Progress(f"{split} rows", next(checking))
            except StopIteration as end:
                self._splits[split] = end.value
                return

    def ask(self) -> Command[None]:
        """Ask the provider, if the spec is whole enough to say which and what."""
        if self._spec_file is not None and self._provider in self._profiles:
            from rftctl.commands.online import ask_provider

            self._answers = yield from ask_provider(self._spec_file, self._home, self._today)
            self.log.add_all(self._answers.findings)

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
            n_notes=levels[Level.NOTE],
            strict=strict,
            online=self._answers,
            tokens={name: report.tokens for name, report in self._splits.items()},
            quotes=read_quotes(self.log.kept),
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

    def place_of_key(keys: Sequence[Key]) -> Place:
        return draft.layers.place("grader", *keys, of_key=True)

    return check_grader(draft.grader, place, place_of_key)


def _check_spec_tools(spec_file: SpecFile) -> list[Finding]:
    tools = spec_file.spec.tools
    if tools is None:
        return []
    place = spec_file.place("tools")
    return [Finding("RFT145", f.level, place, f.message, f.hint) for f in check_tools(list(tools))]
