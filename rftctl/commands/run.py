"""The whole workflow as one gated pipeline.

In: a spec. Out: `RunReport`, the document `rftctl.run/1`. Stages: validate, grade, cost, launch, watch and
evaluate; the first gate that fails ends it, with that stage's exit code. Every stage can be repeated: a spec
that was launched is found again, and an evaluation that was made is not made twice.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rftctl.commands.evaluate import evaluate_run
from rftctl.commands.grade import grade_cases
from rftctl.commands.launch import launch
from rftctl.commands.opening import open_grader
from rftctl.commands.preparing import check_allow, prepare
from rftctl.commands.updates import Note, Stage, StageReport
from rftctl.commands.validate import validate
from rftctl.commands.watch import watch
from rftctl.providers import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from rftctl.commands.evaluate import EvaluationReport
    from rftctl.commands.grade import GradeReport
    from rftctl.commands.launch import LaunchReport
    from rftctl.commands.preparing import Prepared
    from rftctl.commands.updates import Command
    from rftctl.commands.validate import ValidationReport
    from rftctl.commands.watch import WatchReport
    from rftctl.cost import CostEstimate
    from rftctl.graders import Grader
    from rftctl.home import Home
    from rftctl.ledger import Ledger
    from rftctl.providers.base import Provider


@dataclass(frozen=True, slots=True)
class RunReport:
    """What every stage found; a stage that was not reached is None."""

    validation: ValidationReport | None = None
    grading: GradeReport | None = None
    estimate: CostEstimate | None = None
    launched: LaunchReport | None = None
    watched: WatchReport | None = None
    evaluation: EvaluationReport | None = None
    exit_code: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.run/1` document."""
        watched = self.watched
        return {
            "schema": "rftctl.run/1",
            "exit_code": self.exit_code,
            "validation": self.validation and self.validation.to_json(),
            "grading": self.grading and self.grading.to_json(),
            "run_id": self.launched and self.launched.run.run_id,
            "status": watched and watched.job.status,
            "curve": watched.curve.to_json() if watched else [],
            "evaluation": self.evaluation and self.evaluation.to_json(),
            "cost": {
                "estimate": self.estimate and self.estimate.to_json(),
                "actual": watched and watched.cost.to_json(),
            },
        }


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the user may choose beside the spec."""

    target: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    again: bool = False
    allow_unsafe_graders: bool = False
    timeout_s: float | None = None
    may_spend: Callable[[CostEstimate], bool] = lambda _: False
    allow: Sequence[str] = ()


def run_pipeline(spec_path: Path, home: Home, ledger: Ledger, options: RunOptions) -> Command[RunReport]:
    """Perform the whole workflow; stop at the first gate that fails."""
    check_allow(options.allow)
    yield Stage("validate")
    validation = yield from validate(spec_path, target=options.target, overrides=options.overrides, home=home)
    yield StageReport("validate", validation)
    report = RunReport(validation, exit_code=validation.exit_code)
    if report.exit_code and not options.allow:
        return report
    prepared = prepare(validation, spec_path, home, options.overrides, options.allow)
    spec_file, report = prepared.spec_file, replace(report, exit_code=0)
    with open_grader(spec_file, home, allow_unsafe=options.allow_unsafe_graders) as (grader, sandbox):
        yield Stage("grade")
        if spec_file.file("cases") is None:
            yield Note("the spec names no cases, so the grader goes untried", "warning")
        else:
            grading = yield from grade_cases(spec_file, grader, sandbox)
            yield StageReport("grade", grading)
            report = replace(report, grading=grading, exit_code=grading.exit_code)
        if report.exit_code:
            return report
        yield Stage("cost")
        yield StageReport("cost", prepared.estimate)
        report = replace(report, estimate=prepared.estimate)
        with closing(connect(spec_file.spec.provider, home)) as provider:
            return (yield from _train_and_evaluate(prepared, ledger, provider, grader, options, report))


def _train_and_evaluate(
    prepared: Prepared,
    ledger: Ledger,
    provider: Provider,
    grader: Grader,
    options: RunOptions,
    report: RunReport,
) -> Command[RunReport]:
    spec_file = prepared.spec_file
    yield Stage("launch")
    launched = yield from launch(prepared, ledger, provider, again=options.again, may_spend=options.may_spend)
    yield StageReport("launch", launched)
    report = replace(report, launched=launched)
    yield Stage("watch")
    watched = yield from watch(launched.run, ledger, provider, spec_file.spec, timeout_s=options.timeout_s)
    yield StageReport("watch", watched)
    report = replace(report, watched=watched, exit_code=watched.exit_code)
    if report.exit_code or spec_file.file("test_file") is None:
        return report
    yield Stage("evaluate")
    evaluation = yield from evaluate_run(spec_file, launched.run.run_id, ledger, provider, grader)
    yield StageReport("evaluate", evaluation)
    return replace(report, evaluation=evaluation, exit_code=evaluation.exit_code)
