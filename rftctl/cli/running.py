"""Commands that start, follow and steer a job: launch, watch, evaluate, run, pause, resume, cancel.

In: parsed options. Out: a report on the terminal and its exit code.
"""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from rftctl.cli.app import app, perform
from rftctl.cli.options import (
    AgainOption,
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
        perform(command, terminal)


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
        perform(watch_run(ledger.run(run), home, ledger, timeout_s=timeout_s), terminal)


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
        perform(command, make_terminal(as_json, quiet))


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
        perform(run_pipeline(spec, home, ledger, options), make_terminal(as_json, quiet))


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


def _control(action: Literal["pause", "resume", "cancel"], run: str | None, as_json: bool) -> None:
    from rftctl.commands.control import control_run

    with opened() as (home, ledger):
        perform(control_run(action, ledger.run(run), home, ledger), make_terminal(as_json))
