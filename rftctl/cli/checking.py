"""Commands that look before anything runs: validate, grade, schema, explain.

In: parsed options. Out: a report on the terminal and its exit code.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rftctl.cli.app import app, perform, show, silence_stdout
from rftctl.cli.options import (
    FindingsFormatOption,
    FormatOption,
    JsonOption,
    QuietOption,
    SetOption,
    SpecArgument,
    TargetOption,
    UnsafeOption,
    make_terminal,
    opened,
    read_overrides,
)
from rftctl.errors import UsageError

if TYPE_CHECKING:
    from rftctl.report.console import Terminal


@app.command()
def validate(
    spec: SpecArgument,
    target: TargetOption = None,
    settings: SetOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too.")] = False,
    online: Annotated[
        bool, typer.Option("--online", help="Ask the provider too: access, models, its check of the grader.")
    ] = False,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Print the one spec in force, and what decided each value.")
    ] = False,
    fix: Annotated[
        Path | None,
        typer.Option("--fix", metavar="OUT_DIR", help="Write corrected copies into a new folder."),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option("--baseline", metavar="FILE", help="Leave out the findings accepted there.")
    ] = None,
    update_baseline: Annotated[
        bool, typer.Option("--update-baseline", help="Accept today's findings: write the baseline.")
    ] = False,
    form: FindingsFormatOption = "text",
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Check spec, data, grader and provider fit."""
    terminal, overrides = make_terminal(as_json, quiet, form), read_overrides(settings)
    others = {"--online": online, "--format": form != "text", "--baseline": baseline is not None}
    if update_baseline and baseline is None:
        raise UsageError("--update-baseline needs a file", "name it: --baseline FILE")
    if resolved:
        _goes_without("--resolved", {"--fix": fix is not None, "--strict": strict, **others})
        _show_resolved(spec, target, overrides, terminal)
    if fix is not None:
        _goes_without("--fix", others)
        _write_copies(spec, fix, target, overrides, strict, terminal)
    from rftctl.commands.validate import validate as command

    checking = command(
        spec,
        target=target,
        overrides=overrides,
        strict=strict,
        baseline=baseline,
        update_baseline=update_baseline,
        online=online,
    )
    perform(checking, terminal)


def _show_resolved(spec: Path, target: str | None, overrides: dict[str, str], terminal: Terminal) -> None:
    from rftctl.commands.resolve import resolve

    show(resolve(spec, target=target, overrides=overrides), terminal)


def _write_copies(
    spec: Path, out_dir: Path, target: str | None, overrides: dict[str, str], strict: bool, terminal: Terminal
) -> None:
    from rftctl.commands.fix import fix

    perform(fix(spec, out_dir, target=target, overrides=overrides, strict=strict), terminal)


def _goes_without(mode: str, others: dict[str, bool]) -> None:
    given = ", ".join(name for name, is_given in others.items() if is_given)
    if given:
        raise UsageError(f"{mode} goes without {given}", "run one command after the other")


@app.command()
def grade(
    spec: SpecArgument,
    target: TargetOption = None,
    settings: SetOption = None,
    outputs: Annotated[
        Path | None, typer.Option("--outputs", help="Grade these outputs instead of the spec's cases.")
    ] = None,
    fail_under: Annotated[
        float | None, typer.Option("--fail-under", help="Exit 1 when the mean reward is below this.")
    ] = None,
    report_card: Annotated[
        bool, typer.Option("--report-card", help="Does it tell right from wrong? Can it be tricked?")
    ] = False,
    draft: Annotated[bool, typer.Option("--draft", help="Propose a grader for the training rows.")] = False,
    answer_field: Annotated[
        list[str] | None,
        typer.Option("--answer-field", metavar="NAME", help="With --draft: where a row's right answer is."),
    ] = None,
    parity: Annotated[
        bool, typer.Option("--parity", help="Compare with the provider's graders/run.")
    ] = False,
    export_lambda: Annotated[
        Path | None, typer.Option("--export-lambda", help="Write it as an AWS Lambda function, for Bedrock.")
    ] = None,
    sandbox: Annotated[
        Literal["auto", "S3", "S2", "S1", "docker"],
        typer.Option("--sandbox", help="What contains Python graders; S1 needs --allow-unsafe-graders."),
    ] = "auto",
    fidelity: Annotated[
        bool, typer.Option("--fidelity", help="The platform's limits a call: 2 minutes, 2 GB, 1 GB of disk.")
    ] = False,
    unsafe: UnsafeOption = False,
    form: FormatOption = "text",
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Try the grader on outputs whose reward is known."""
    from rftctl.commands.grading import GradeOptions, grading_command
    from rftctl.spec import load_spec

    spec_file = load_spec(spec, target=target, overrides=read_overrides(settings))
    asked = (report_card, draft, parity, export_lambda)
    containment = (sandbox, fidelity)
    options = GradeOptions(outputs, fail_under, unsafe, *asked, *containment, tuple(answer_field or ()))
    with opened() as (home, _):
        perform(grading_command(spec_file, home, options), make_terminal(as_json, quiet, form))


@app.command()
def schema() -> None:
    """Print the JSON Schema of a run spec, for editors."""
    from rftctl.spec import spec_schema

    try:
        make_terminal(True).document(spec_schema())
    except BrokenPipeError:
        silence_stdout()


@app.command()
def explain(
    code: Annotated[str, typer.Argument(help="A finding's code, such as RFT204.")],
    as_json: JsonOption = False,
) -> None:
    """What a finding means, with a bad and a good example."""
    from rftctl.commands.explain import explain as look_up

    show(look_up(code), make_terminal(as_json))
