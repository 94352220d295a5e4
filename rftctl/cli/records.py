"""Commands about what was and what is here: cost, runs, files, doctor, serve.

In: parsed options. Out: a report on the terminal and its exit code.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from rftctl.cli.app import app, cost_app, files_app, perform, runs_app
from rftctl.cli.options import (
    JsonOption,
    RunArgument,
    SetOption,
    SpecArgument,
    TargetOption,
    consent,
    make_terminal,
    opened,
    read_overrides,
)

ProviderOption = Annotated[
    str | None, typer.Option("--provider", help="openai, azure, ... Default: that of the newest run.")
]
ProvidersOption = Annotated[
    list[str] | None, typer.Option("--provider", help="Ask only this one; may be repeated.")
]


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
def runs_show(
    run: RunArgument = None,
    settings: Annotated[
        bool, typer.Option("--settings", help="What the spec says, what was sent, what the provider uses.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show one run: its state, its files' hashes, its curve."""
    from rftctl.commands.runs import show_run
    from rftctl.commands.settings import show_settings

    with opened() as (home, ledger):
        found = ledger.run(run)
        command = show_settings(found, ledger, home) if settings else show_run(found, ledger, home)
        perform(command, make_terminal(as_json))


@runs_app.command("export")
def runs_export(
    out: Annotated[Path, typer.Option("--out", help="JSON Lines; one document where it ends in .json.")],
    run: RunArgument = None,
    every: Annotated[bool, typer.Option("--all", help="Every run.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a run, with its history and events, to a file."""
    from rftctl.commands.export import export_runs

    with opened() as (_, ledger):
        chosen = ledger.runs() if every else [ledger.run(run)]
        perform(export_runs(chosen, ledger, out), make_terminal(as_json))


@runs_app.command("purge")
def runs_purge(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run id, the start of one, or a job id.")],
    force: Annotated[bool, typer.Option("--force", help="Although its job may be running.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Erase a run from this machine for good."""
    from rftctl.commands.purge import purge_run

    agree = consent(yes, "Erase run {} from this machine for good?")
    with opened() as (home, ledger):
        command = purge_run(ledger.run(run), ledger, home, force=force, agree=agree)
        perform(command, make_terminal(as_json))


@runs_app.command("recover")
def runs_recover(provider: ProvidersOption = None, as_json: JsonOption = False) -> None:
    """Rebuild a damaged ledger; find launched jobs again."""
    from rftctl.commands.recover import recover
    from rftctl.home import open_home

    perform(recover(open_home(), tuple(provider or ())), make_terminal(as_json))


@files_app.command("list")
def files_list(provider: ProviderOption = None, as_json: JsonOption = False) -> None:
    """List files, with whose they are and who needs them."""
    from rftctl.commands.files import list_files, provider_meant

    with opened() as (home, ledger):
        perform(list_files(provider_meant(provider, ledger), home, ledger), make_terminal(as_json))


@files_app.command("rm")
def files_rm(
    file_ids: Annotated[list[str] | None, typer.Argument(metavar="[FILE]...", help="File ids.")] = None,
    unused: Annotated[
        bool, typer.Option("--unused", help="All uploads of rftctl that no unfinished run needs.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Although a run needs it, or it is not ours.")
    ] = False,
    provider: ProviderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove files from a provider."""
    from rftctl.commands.files import provider_meant, remove_files

    with opened() as (home, ledger):
        name = provider_meant(provider, ledger)
        command = remove_files(name, file_ids or [], home, ledger, unused=unused, force=force)
        perform(command, make_terminal(as_json))


@app.command()
def doctor(
    verify: Annotated[
        bool, typer.Option("--verify", help="Try it: ledger, locks, sandbox, a training step, providers.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """What works here, and what to install for the rest."""
    from rftctl.commands.doctor import diagnose
    from rftctl.home import open_home

    perform(diagnose(open_home(), os.environ, verify=verify), make_terminal(as_json))


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
