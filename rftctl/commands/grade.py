"""Run a grader over model outputs and compare with what each must get.

In: a spec and cases (or any outputs). Out: `GradeReport`, the document `rftctl.grade/1`.
Nothing is trained and no provider is asked, except a judge where the grader needs one.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from rftctl.commands.opening import open_grader
from rftctl.commands.updates import Command, Note, Progress
from rftctl.errors import ExitCode, UsageError
from rftctl.graders.cases import Case, Expectation, need_no_judge, read_cases
from rftctl.spec.reads import model_graders
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from rftctl.graders import Grade, Grader, TokenUsage
    from rftctl.home import Home
    from rftctl.sandbox import Sandbox
    from rftctl.spec import SpecFile

MAX_RESULTS = 20_000
"""Results a report keeps; misses and failures are kept before the others."""

N_BINS = 10
_FIRST_BATCH, _LAST_BATCH, _BATCH_S = 32, 1024, 1.0


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One output's grade.

    Attributes:
        line: the case's 1-based line in its file.
        reward: None when the grader failed.
        platform_reward: what the platform would use, 0.0 for a grader that failed.
        passed: whether the grade is as expected; None when nothing was.
        output: the beginning of the output, on one line.
        sandbox: the level that contained the grader's code, such as "S3"; None where it runs none.
    """

    line: int
    reward: float | None
    platform_reward: float
    expected: Expectation
    passed: bool | None
    errors: tuple[str, ...]
    details: dict[str, str]
    sub_rewards: dict[str, float | None]
    execution_time_s: float
    output: str
    sandbox: str | None = None

    @property
    def is_good(self) -> bool:
        """Whether this needs no attention: as expected, or graded where nothing was expected."""
        return self.reward is not None if self.passed is None else self.passed

    def to_json(self) -> dict[str, Any]:
        """Return this result's part of the document."""
        # Not asdict: its deep copies cost more than grading does.
        expected = {key: value for key, value in _fields(self.expected).items() if value is not None}
        return _fields(self) | {"expected": expected or None}


def _fields(result: CaseResult | Expectation) -> dict[str, Any]:
    return {name: getattr(result, name) for name in type(result).__slots__}


@dataclass(frozen=True, slots=True)
class GradeSummary:
    """All grades together.

    Attributes:
        n: outputs graded.
        n_failed: those without a reward; n_unreadable of them earned 0.0, since the output could not be read.
        n_missed: those that are not as expected.
        mean_reward: over everything that earned a reward; None when nothing did. So are the others.
        histogram: counts of equal-width bins from min_reward to max_reward.
        sandbox: how the grader's code was contained and what a call was given, in words.
    """

    n: int
    n_failed: int
    n_unreadable: int
    n_missed: int
    mean_reward: float | None
    min_reward: float | None
    max_reward: float | None
    std_reward: float | None
    error_counts: dict[str, int]
    histogram: tuple[int, ...]
    execution_time_s: float
    token_usage: dict[str, dict[str, int]]
    sandbox: str | None


@dataclass(frozen=True, slots=True)
class GradeReport:
    """What a grader said about a set of outputs.

    Attributes:
        results: one per output, in order; misses and failures first served when there are very many.
        n_left_out: results that were counted but not kept.
        fail_under: the mean reward that is demanded, or None.
    """

    results: tuple[CaseResult, ...]
    summary: GradeSummary
    grader: str
    n_left_out: int = 0
    fail_under: float | None = None

    @property
    def is_under(self) -> bool:
        """Whether a mean reward is demanded and was not reached; written so that no mean is under."""
        mean = self.summary.mean_reward
        return self.fail_under is not None and not (mean is not None and mean >= self.fail_under)

    @property
    def exit_code(self) -> ExitCode:
        """0 when all is as expected, 4 when no output could be graded, else 1."""
        summary = self.summary
        if summary.n_failed == summary.n and not any(result.passed for result in self.results):
            return ExitCode.UNGRADABLE
        is_good = not self.is_under and all(result.is_good for result in self.results)
        return ExitCode.OK if is_good else ExitCode.NO

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.grade/1` document."""
        return {
            "schema": "rftctl.grade/1",
            "exit_code": int(self.exit_code),
            "grader": self.grader,
            "fail_under": self.fail_under,
            "summary": asdict(self.summary),
            "n_left_out": self.n_left_out,
            "results": [result.to_json() for result in self.results],
        }


def grade_spec(
    spec_file: SpecFile,
    home: Home,
    *,
    outputs: Path | None = None,
    sandbox_request: str = "auto",
    fidelity: bool = False,
    allow_unsafe: bool = False,
) -> Command[GradeReport]:
    """Build a spec's grader and grade its cases, or other outputs.

    Args:
        home: where the user's judges are defined.
        outputs: JSON Lines of cases to grade instead of the spec's.
        sandbox_request, fidelity, allow_unsafe: see `open_grader`.

    Raises:
        UsageError: there is nothing to grade.
        InvalidInputError: the grader or a case is wrong.
        NotOfferedError: no sandbox or no judge.
    """
    how: dict[str, Any] = {"sandbox_request": sandbox_request, "fidelity": fidelity}
    path = outputs or spec_file.file("cases")
    if model_graders(spec_file.grader) and path is not None and need_no_judge(path):
        yield Note("every output brings its judge's result; no judge is asked")
        how["asks_judge"] = False
    with open_grader(spec_file, home, allow_unsafe=allow_unsafe, **how) as (grader, sandbox):
        return (yield from grade_cases(spec_file, grader, sandbox, outputs=outputs))


def grade_cases(
    spec_file: SpecFile,
    grader: Grader,
    sandbox: Sandbox | None = None,
    *,
    outputs: Path | None = None,
    parse_json: bool | None = None,
) -> Command[GradeReport]:
    """Grade a spec's cases, or other outputs, by a grader that is already open.

    Args:
        parse_json: whether samples get an `output_json`; by default as in training, only where the
            spec has a response_format. (`graders/run` parses whatever is JSON.)

    Raises:
        UsageError: the spec names no cases and no outputs were given.
        InvalidInputError: a case is wrong.
    """
    path = outputs or spec_file.file("cases")
    if path is None:
        hint = "add `cases: outputs.jsonl` to the spec, or give --outputs"
        raise UsageError(f"spec '{spec_file.path}' names no cases to grade", hint)
    if parse_json is None:
        parse_json = spec_file.spec.response_format is not None
    cases = read_cases(path, rows=spec_file.file("training_file"), parse_json=parse_json)
    return (yield from grade(cases, grader, sandbox=sandbox))


def grade(cases: Iterable[Case], grader: Grader, *, sandbox: Sandbox | None = None) -> Command[GradeReport]:
    """Grade cases as they come, in batches; memory stays bounded.

    Args:
        sandbox: what contains the grader's code, for the report.
    """
    if sandbox:
        yield Note(f"python graders run in sandbox {sandbox.description}")
    tally = _Tally(sandbox.level.value if sandbox else None)
    for batch in _batches(cases):
        grades = grader.grade_batch([(case.sample, case.item) for case in batch])
        for case, given in zip(batch, grades, strict=True):
            tally.add(case, given)
        yield Progress("grading", tally.n)
    summary = tally.summary(sandbox.description if sandbox else None)
    return GradeReport(tally.results(), summary, grader.name, tally.n_left_out)


def _batches(cases: Iterable[Case]) -> Iterator[list[Case]]:
    # Fast graders get large batches, slow ones report back about once a second.
    rest, size = iter(cases), _FIRST_BATCH
    while batch := list(islice(rest, size)):
        start = time.perf_counter()
        yield batch
        if time.perf_counter() - start < _BATCH_S:
            size = min(size * 2, _LAST_BATCH)


class _Tally:
    """Counts grades and keeps results, those that need attention before the others."""

    def __init__(self, level: str | None) -> None:
        self._level = level
        self.n = self.n_left_out = 0
        self._n_failed = self._n_unreadable = self._n_missed = 0
        self._bad: list[CaseResult] = []
        self._good: list[CaseResult] = []
        self._earned: list[float] = []
        self._seconds = 0.0
        self._errors: dict[str, int] = {}
        self._usage: dict[str, TokenUsage] = {}

    def add(self, case: Case, grade: Grade) -> None:
        result = _as_result(case, grade, self._level)
        self.n += 1
        self._n_failed += grade.failed
        self._n_unreadable += grade.failed and grade.earned is not None
        self._n_missed += result.passed is False
        self._seconds += grade.execution_time_s
        if grade.earned is not None:
            self._earned.append(grade.earned)
        for flag in grade.errors:
            self._errors[flag] = self._errors.get(flag, 0) + 1
        for model, usage in grade.token_usage.items():
            self._usage[model] = self._usage[model] + usage if model in self._usage else usage
        self._keep(self._good if result.is_good else self._bad, result)

    def _keep(self, results: list[CaseResult], result: CaseResult) -> None:
        if len(results) < MAX_RESULTS:
            results.append(result)
        else:
            self.n_left_out += 1

    def results(self) -> tuple[CaseResult, ...]:
        room = max(0, MAX_RESULTS - len(self._bad))
        self.n_left_out += len(self._good[room:])
        return tuple(sorted([*self._bad, *self._good[:room]], key=lambda result: result.line))

    def summary(self, sandbox: str | None) -> GradeSummary:
        earned = self._earned
        mean = math.fsum(earned) / len(earned) if earned else None
        return GradeSummary(
            n=self.n,
            n_failed=self._n_failed,
            n_unreadable=self._n_unreadable,
            n_missed=self._n_missed,
            mean_reward=mean,
            min_reward=min(earned, default=None),
            max_reward=max(earned, default=None),
            std_reward=_std(earned, mean),
            error_counts=self._errors,
            histogram=_histogram(earned),
            execution_time_s=self._seconds,
            token_usage={model: asdict(usage) for model, usage in self._usage.items()},
            sandbox=sandbox,
        )


def _as_result(case: Case, grade: Grade, level: str | None) -> CaseResult:
    return CaseResult(
        line=case.line,
        reward=grade.reward,
        platform_reward=0.0 if grade.reward is None else grade.reward,
        expected=case.expect,
        passed=case.expect.holds(grade),
        errors=grade.errors,
        details=grade.details,
        sub_rewards=grade.sub_rewards,
        execution_time_s=grade.execution_time_s,
        output=one_line(case.sample.output_text, limit=200),
        sandbox=level,
    )


def _std(earned: list[float], mean: float | None) -> float | None:
    if mean is None:
        return None
    return math.sqrt(math.fsum((reward - mean) ** 2 for reward in earned) / len(earned))


def _histogram(earned: list[float]) -> tuple[int, ...]:
    if not earned:
        return ()
    low, high = min(earned), max(earned)
    if low == high:
        return (len(earned),)
    bins = [0] * N_BINS
    for reward in earned:
        bins[min(N_BINS - 1, int((reward - low) / (high - low) * N_BINS))] += 1
    return tuple(bins)
