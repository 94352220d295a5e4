"""The Typer application, and the one way in which every command is performed and shown.

In: commands (generators of updates). Out: a report on the terminal and its exit code.
The commands themselves stand in `checking`, `running` and `records`, which register with `app`.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Generator

    from rftctl.report.console import Terminal

_IN_HELP = ["init", "validate", "grade", "launch", "watch", "evaluate", "cost", "run", "runs"]
_IN_HELP += ["pause", "resume", "cancel"]


class _Group(typer.core.TyperGroup):
    """Lists the commands in the order in which a run meets them; all others follow."""

    def list_commands(self, ctx: Any) -> list[str]:
        names = super().list_commands(ctx)
        first = [name for name in _IN_HELP if name in names]
        return [*first, *(name for name in names if name not in first)]


app = typer.Typer(
    name="rftctl",
    cls=_Group,
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
files_app = typer.Typer(help="What lies at a provider.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(cost_app, name="cost")
app.add_typer(runs_app, name="runs")
app.add_typer(files_app, name="files")


@app.callback(invoke_without_command=True)
def _global(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        from rftctl import __version__

        typer.echo(f"rftctl {__version__}")
        raise typer.Exit


def perform(command: Generator[object, None, Any], terminal: Terminal) -> None:
    """Follow a command to its report, show it, and leave with its exit code."""
    from rftctl.report.live import follow

    show(follow(command, terminal), terminal)


def show(report: Any, terminal: Terminal) -> None:
    """Show a report in the form that was asked for, and leave with its exit code."""
    from rftctl.report.tables import show_report

    try:
        if terminal.as_json:
            terminal.document(report.to_json())
        elif terminal.form != "text":
            # Each form is a module of that name with a function of that name.
            render = getattr(import_module(f"rftctl.report.{terminal.form}"), terminal.form)
            terminal.write(render(report))
        else:
            show_report(report, terminal)
    except BrokenPipeError:
        silence_stdout()
    raise typer.Exit(getattr(report, "exit_code", 0))


def silence_stdout() -> None:
    """Send whatever Python would still flush nowhere: the reader went away (`| head`)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
