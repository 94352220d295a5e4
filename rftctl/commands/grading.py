"""What `rftctl grade` can be asked, and the command that answers it.

In: a spec and one question: its cases, its report card, a draft, parity with the provider, a Lambda function.
Out: the command for it; each has a report of its own.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rftctl.commands.draft import draft, lambda_source
from rftctl.commands.grade import grade, grade_spec
from rftctl.commands.opening import judge_settings, open_grader
from rftctl.commands.parity import compare_graders
from rftctl.commands.report_card import card_of_spec
from rftctl.commands.updates import Note
from rftctl.errors import ExitCode, StorageError, UsageError
from rftctl.graders import build_grader
from rftctl.graders.cases import read_cases
from rftctl.providers import connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rftctl.commands.grade import GradeReport
    from rftctl.commands.parity import ParityReport
    from rftctl.commands.updates import Command
    from rftctl.graders.cases import Case
    from rftctl.home import Home
    from rftctl.spec import SpecFile

# Only its form matters here: the function is tried on this machine, never called.
_PLACEHOLDER_ARN = "arn:aws:lambda:us-west-2:000000000000:function:rftctl-grader"
EXPORTED_NAME = "lambda_function.py"


@dataclass(frozen=True, slots=True)
class GradeOptions:
    """What the user asks of `grade`; at most one of report_card, draft, parity and export_lambda.

    Attributes:
        outputs: outputs to grade instead of the spec's cases.
        fail_under: the answer is no when the mean reward is below this.
        export_lambda: folder for the Lambda function.
        sandbox: `auto`, a level, or `docker`.
        fidelity: a call gets the platform's limits.
        answer_fields: the row's fields that hold the right answer, for a draft.
    """

    outputs: Path | None = None
    fail_under: float | None = None
    allow_unsafe: bool = False
    report_card: bool = False
    draft: bool = False
    parity: bool = False
    export_lambda: Path | None = None
    sandbox: str = "auto"
    fidelity: bool = False
    answer_fields: tuple[str, ...] = ()

    @property
    def containment(self) -> dict[str, Any]:
        """How the grader's code is to be contained, as arguments of `open_grader`."""
        return {
            "sandbox_request": self.sandbox,
            "fidelity": self.fidelity,
            "allow_unsafe": self.allow_unsafe,
        }


@dataclass(frozen=True, slots=True)
class ExportReport:
    """A Lambda function was written, and graded the cases as the python grader did, or not."""

    path: str
    n_cases: int
    n_different: int

    @property
    def exit_code(self) -> ExitCode:
        """0 when every case got the same reward, else 1."""
        return ExitCode.NO if self.n_different else ExitCode.OK

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.export-lambda/1` document."""
        return {"schema": "rftctl.export-lambda/1", "exit_code": int(self.exit_code), **asdict(self)}


def grading_command(spec_file: SpecFile, home: Home, options: GradeOptions) -> Command[Any]:
    """Choose the command that answers what was asked.

    Raises:
        UsageError: more than one question at once.
    """
    asked = [name for name in ("report_card", "draft", "parity", "export_lambda") if getattr(options, name)]
    if len(asked) > 1:
        names = " and ".join("--" + name.replace("_", "-") for name in asked)
        raise UsageError(f"{names} are two questions", "ask one at a time")
    if options.answer_fields and not options.draft:
        raise UsageError("--answer-field says what a draft compares", "add --draft")
    if options.report_card:
        return card_of_spec(spec_file, home, **options.containment)
    if options.draft:
        rows = _need(spec_file, "training_file", "rows to draft a grader from")
        form, fields = spec_file.spec.response_format, options.answer_fields
        return draft(rows, response_format=form, fields=fields, **options.containment)
    if options.parity:
        return _parity(spec_file, home, options)
    if options.export_lambda is not None:
        return _export(spec_file, home, options, options.export_lambda)
    return _grade(spec_file, home, options)


def _grade(spec_file: SpecFile, home: Home, options: GradeOptions) -> Command[GradeReport]:
    report = yield from grade_spec(spec_file, home, outputs=options.outputs, **options.containment)
    return replace(report, fail_under=options.fail_under)


def _parity(spec_file: SpecFile, home: Home, options: GradeOptions) -> Command[ParityReport]:
    with (
        open_grader(spec_file, home, **options.containment) as (grader, _),
        closing(connect(spec_file.spec.provider, home)) as provider,
    ):
        # `graders/run` parses whatever is JSON, so the local side does the same.
        cases = _cases(spec_file, options, parse_json=True)
        judge = judge_settings(spec_file, home)
        run_hosted = partial(provider.run_grader, judge=judge)
        return (yield from compare_graders(cases, grader, spec_file.grader, run_hosted))


def _export(spec_file: SpecFile, home: Home, options: GradeOptions, folder: Path) -> Command[ExportReport]:
    source = lambda_source(spec_file.grader)
    path = folder / EXPORTED_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    except OSError as error:
        raise StorageError(f"'{path}' cannot be written: {error.strerror}", "name another folder") from error
    yield Note("proving that it rewards the cases as the python grader does")
    cases = list(_cases(spec_file, options, parse_json=True))
    with open_grader(spec_file, home, **options.containment) as (grader, sandbox):
        config = {"type": "lambda", "lambda": {"function": _PLACEHOLDER_ARN}, "handler": source}
        exported = build_grader(config, sandbox=sandbox)
        try:
            here = yield from grade(cases, grader)
            there = yield from grade(cases, exported)
        finally:
            exported.close()
    # Lambda has no way to say "no reward", so what failed here earns the platform's 0 there.
    pairs = zip(here.results, there.results, strict=True)
    n_different = sum(a.platform_reward != b.platform_reward for a, b in pairs)
    return ExportReport(str(path), len(cases), n_different)


def _cases(spec_file: SpecFile, options: GradeOptions, *, parse_json: bool) -> Iterator[Case]:
    path = options.outputs or _need(spec_file, "cases", "cases to grade")
    return read_cases(path, rows=spec_file.file("training_file"), parse_json=parse_json)


def _need(spec_file: SpecFile, name: str, what: str) -> Path:
    path = spec_file.file(name)
    if path is None:
        raise UsageError(f"spec '{spec_file.path}' names no {what}", f"set `{name}` in the spec")
    return path
