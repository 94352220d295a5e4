"""The command that makes something to start from: init.

In: parsed options. Out: a new folder, and what to do with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rftctl.cli.app import app, perform, show
from rftctl.cli.options import JsonOption, QuietOption, UnsafeOption, make_terminal
from rftctl.errors import UsageError

if TYPE_CHECKING:
    from rftctl.commands.init import InitReport
    from rftctl.commands.updates import Command


@app.command()
def init(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The new folder. Default: the sample's name.")
    ] = None,
    sample: Annotated[
        str | None, typer.Option("--from", metavar="SAMPLE", help="Copy this sample; --list names them.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="FILE.csv", help="Make a dataset of this table.")
    ] = None,
    prompt_column: Annotated[str, typer.Option("--prompt-column", help="Its column of prompts.")] = "prompt",
    answer_column: Annotated[str, typer.Option("--answer-column", help="Its column of answers.")] = "answer",
    system: Annotated[
        str | None, typer.Option("--system", help="Instructions to put before every prompt.")
    ] = None,
    list_all: Annotated[bool, typer.Option("--list", help="List the samples.")] = False,
    unsafe: UnsafeOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Start from a sample, or from your own CSV file."""
    terminal = make_terminal(as_json, quiet)
    if list_all:
        from rftctl.commands.init import list_samples

        show(list_samples(), terminal)
    if (sample is None) == (data is None):
        raise UsageError("init needs either --from or --data", "rftctl init --list names the samples")
    if sample is not None:
        perform(_copy(sample, name), terminal)
    elif data is not None:
        from rftctl.commands.init import init_from_table

        columns = {"prompt_column": prompt_column, "answer_column": answer_column}
        folder = Path(name or data.stem)
        perform(init_from_table(data, folder, **columns, system=system, allow_unsafe=unsafe), terminal)


def _copy(sample: str, name: str | None) -> Command[InitReport]:
    from rftctl.commands.init import init_from_sample
    from rftctl.shipped import shipped_sample

    return init_from_sample(shipped_sample(sample), Path(name or sample))
