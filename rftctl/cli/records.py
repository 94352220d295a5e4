"""Commands about what was and what is here: cost, runs, doctor, serve.

In: parsed options. Out: a report on the terminal and its exit code.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from rftctl.cli.app import app, cost_app, perform, runs_app
from rftctl.cli.options import (
    JsonOption,
    RunArgument,
    SetOption,
    SpecArgument,
    TargetOption,
    make_terminal,
    opened,
    read_overrides,
)


@cost_app.command("estimate")
def cost_estimate(
    spec: SpecArgument, target: TargetOption = None, settings: SetOption = None, as_json: JsonOption = False
) -> None:
    """Say what a spec will cost before it is launched."""
    from rftctl.commands.cost import estimate_spec

    with opened() as (home, _):
        perform(
            estimate_spec(spec, home, target=target, overrides=read_overrides(settings)),
            make_terminal(as_json),
        )


@cost_app.command("actual")
def cost_actual(run: RunArgument = None, as_json: JsonOption = False) -> None:
    """Add up what a run has cost so far."""
    from rftctl.commands.cost import actual_of_run

    with opened() as (home, ledger):
        perform(actual_of_run(ledger.run(run), home, ledger), make_terminal(as_json))


@runs_app.callback(invoke_without_command=True)
def runs(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the runs this machine knows, newest first."""
    if context.invoked_subcommand is not None:
        return
    from rftctl.commands.runs import list_runs

    with opened() as (home, ledger):
        perform(list_runs(ledger, home), make_terminal(as_json))


@runs_app.command("show")
def runs_show(run: RunArgument = None, as_json: JsonOption = False) -> None:
    """Show one run: its state, its files' hashes, its curve."""
    from rftctl.commands.runs import show_run

    with opened() as (home, ledger):
        perform(show_run(ledger.run(run), ledger, home), make_terminal(as_json))


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """What works here, and what to install for the rest."""
    from rftctl.commands.doctor import diagnose
    from rftctl.home import open_home

    perform(diagnose(open_home(), os.environ), make_terminal(as_json))


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
