"""The commands, as Typer sees them: each takes its options and makes one command call and one render.

In: parsed options. Out: a report on the terminal and its exit code.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rftctl.cli.options import (
    AgainOption,
    FormatOption,
    JsonOption,
    QuietOption,
    RunArgument,
    SetOption,
    SpecArgument,
    TargetOption,
    UnsafeOption,
    YesOption,
    make_terminal,
    opened,
    read_overrides,
    spending_consent,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from rftctl.report.console import Terminal

app = typer.Typer(
    name="rftctl",
    help="Reinforcement fine-tuning from one spec: any provider, or this machine.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
cost_app = typer.Typer(
    help="What a run will cost, and what it did cost.", no_args_is_help=True, rich_markup_mode=None
)
runs_app = typer.Typer(help="The runs this machine knows.", rich_markup_mode=None)
app.add_typer(cost_app, name="cost")
app.add_typer(runs_app, name="runs")


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

    _perform(
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
        _perform(grading_command(spec_file, home, options), make_terminal(as_json, quiet, form))


@app.command()
def launch(
    spec: SpecArgument,
    target: TargetOption = None,
    settings: SetOption = None,
    again: AgainOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Start the job, once; a launched spec is found again."""
    from rftctl.commands.launch import launch_spec

    terminal, overrides = make_terminal(as_json, quiet), read_overrides(settings)
    with opened() as (home, ledger):
        command = launch_spec(
            spec,
            home,
            ledger,
            target=target,
            overrides=overrides,
            again=again,
            may_spend=spending_consent(yes),
        )
        _perform(command, terminal)


@app.command()
def watch(
    run: RunArgument = None,
    timeout_s: Annotated[
        float | None, typer.Option("--timeout", help="Give up after so many seconds; the job goes on.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON document a line whenever something changed.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Follow a run to its end; leaving never touches the job."""
    from rftctl.commands.watch import watch_run

    terminal = make_terminal(as_json, quiet)
    terminal.streams = as_json
    with opened() as (home, ledger):
        _perform(watch_run(ledger.run(run), home, ledger, timeout_s=timeout_s), terminal)


@app.command()
def evaluate(
    run: RunArgument = None,
    checkpoint: Annotated[
        str | None,
        typer.Option("--checkpoint", help="A step or a checkpoint's name. Default: the final model."),
    ] = None,
    again: AgainOption = False,
    unsafe: UnsafeOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compare the tuned model with its base, held out."""
    from rftctl.commands.evaluate import evaluate_ledger_run

    with opened() as (home, ledger):
        command = evaluate_ledger_run(
            ledger.run(run), home, ledger, checkpoint=checkpoint, again=again, allow_unsafe=unsafe
        )
        _perform(command, make_terminal(as_json, quiet))


@app.command("run")
def run_spec(
    spec: SpecArgument,
    target: TargetOption = None,
    settings: SetOption = None,
    again: AgainOption = False,
    yes: YesOption = False,
    unsafe: UnsafeOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """All of it, stopping at the first gate that fails."""
    from rftctl.commands.run import RunOptions, run_pipeline

    options = RunOptions(target, read_overrides(settings), again, unsafe, may_spend=spending_consent(yes))
    with opened() as (home, ledger):
        _perform(run_pipeline(spec, home, ledger, options), make_terminal(as_json, quiet))


@cost_app.command("estimate")
def cost_estimate(
    spec: SpecArgument, target: TargetOption = None, settings: SetOption = None, as_json: JsonOption = False
) -> None:
    """Say what a spec will cost before it is launched."""
    from rftctl.commands.cost import estimate_spec

    with opened() as (home, _):
        _perform(
            estimate_spec(spec, home, target=target, overrides=read_overrides(settings)),
            make_terminal(as_json),
        )


@cost_app.command("actual")
def cost_actual(run: RunArgument = None, as_json: JsonOption = False) -> None:
    """Add up what a run has cost so far."""
    from rftctl.commands.cost import actual_of_run

    with opened() as (home, ledger):
        _perform(actual_of_run(ledger.run(run), home, ledger), make_terminal(as_json))


@runs_app.callback(invoke_without_command=True)
def runs(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the runs this machine knows, newest first."""
    if context.invoked_subcommand is not None:
        return
    from rftctl.commands.runs import list_runs

    with opened() as (home, ledger):
        _perform(list_runs(ledger, home), make_terminal(as_json))


@runs_app.command("show")
def runs_show(run: RunArgument = None, as_json: JsonOption = False) -> None:
    """Show one run: its state, its files' hashes, its curve."""
    from rftctl.commands.runs import show_run

    with opened() as (home, ledger):
        _perform(show_run(ledger.run(run), ledger, home), make_terminal(as_json))


@app.command()
def pause(run: RunArgument = None, as_json: JsonOption = False) -> None:
    """Stop a job so that it can go on later."""
    _control("pause", run, as_json)


@app.command()
def resume(run: RunArgument = None, as_json: JsonOption = False) -> None:
    """Let a paused job, or a dead local worker's, go on."""
    _control("resume", run, as_json)


@app.command()
def cancel(run: RunArgument = None, as_json: JsonOption = False) -> None:
    """End a job for good."""
    _control("cancel", run, as_json)


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """What works here, and what to install for the rest."""
    from rftctl.commands.doctor import diagnose
    from rftctl.home import open_home

    _perform(diagnose(open_home(), os.environ), make_terminal(as_json))


@app.command()
def serve(
    port: Annotated[int, typer.Option("--port", help="0 picks a free one.", min=0, max=65535)] = 8011,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="Read the token here instead of making one.")
    ] = None,
) -> None:
    """Offer the local engine to any OpenAI client."""
    from rftctl.commands.serve import serve_home
    from rftctl.home import open_home

    serve_home(open_home(), port=port, token_file=token_file, say=make_terminal(False).say)


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

    _show(look_up(code), make_terminal(as_json))


@app.callback(invoke_without_command=True)
def _global(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        from rftctl import __version__

        typer.echo(f"rftctl {__version__}")
        raise typer.Exit


def _perform(command: Generator[object, None, Any], terminal: Terminal) -> None:
    from rftctl.report.live import follow

    _show(follow(command, terminal), terminal)


def _show(report: Any, terminal: Terminal) -> None:
    from rftctl.report.tables import show_report

    try:
        if terminal.as_json:
            terminal.document(report.to_json())
        elif terminal.form == "junit":
            from rftctl.report.junit import junit

            terminal.write(junit(report))
        else:
            show_report(report, terminal)
    except BrokenPipeError:
        silence_stdout()
    raise typer.Exit(getattr(report, "exit_code", 0))


def _control(action: Literal["pause", "resume", "cancel"], run: str | None, as_json: bool) -> None:
    from rftctl.commands.control import control_run

    with opened() as (home, ledger):
        _perform(control_run(action, ledger.run(run), home, ledger), make_terminal(as_json))


def silence_stdout() -> None:
    """Send whatever Python would still flush nowhere: the reader went away (`| head`)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
