"""Commands that look before anything runs: validate, grade, schema, explain.

In: parsed options. Out: a report on the terminal and its exit code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rftctl.cli.app import app, perform, show, silence_stdout
from rftctl.cli.options import (
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


@app.command()
def validate(
    spec: SpecArgument,
    target: TargetOption = None,
    settings: SetOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too.")] = False,
    form: FormatOption = "text",
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Check spec, data, grader and provider fit."""
    from rftctl.commands.validate import validate as command

    perform(
        command(spec, target=target, overrides=read_overrides(settings), strict=strict),
        make_terminal(as_json, quiet, form),
    )


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
    parity: Annotated[
        bool, typer.Option("--parity", help="Compare with the provider's graders/run.")
    ] = False,
    export_lambda: Annotated[
        Path | None, typer.Option("--export-lambda", help="Write it as an AWS Lambda function, for Bedrock.")
    ] = None,
    unsafe: UnsafeOption = False,
    form: FormatOption = "text",
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Try the grader on outputs whose reward is known."""
    from rftctl.commands.grading import GradeOptions, grading_command
    from rftctl.spec import load_spec

    spec_file = load_spec(spec, target=target, overrides=read_overrides(settings))
    options = GradeOptions(outputs, fail_under, unsafe, report_card, draft, parity, export_lambda)
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
