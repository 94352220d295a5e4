"""The arguments and options that several commands share, and what is made of them.

In: strings from the command line. Out: typed values, a `Terminal`, the opened ledger.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rftctl.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rftctl.cost import CostEstimate
    from rftctl.home import Home
    from rftctl.ledger import Ledger
    from rftctl.report.console import Terminal

SpecArgument = Annotated[Path, typer.Argument(metavar="SPEC", help="The run spec, a YAML file.")]
RunArgument = Annotated[
    str | None,
    typer.Argument(metavar="[RUN]", help="A run id, the start of one, or a job id. Default: the newest run."),
]
TargetOption = Annotated[str | None, typer.Option("--target", help="Overlay one of the spec's targets.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the spec.")
]
FormatOption = Annotated[
    Literal["text", "junit", "github", "markdown"],
    typer.Option("--format", help="For CI: junit, github (annotations) or markdown (a summary page)."),
]
FindingsFormatOption = Annotated[
    Literal["text", "junit", "sarif", "github", "markdown"],
    typer.Option("--format", help="For CI: junit, sarif, github (annotations), markdown (a summary page)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Agree to spend what the estimate says.")]
AgainOption = Annotated[bool, typer.Option("--again", help="Do it once more although it was done.")]
UnsafeOption = Annotated[
    bool, typer.Option("--allow-unsafe-graders", help="Run python graders even where no sandbox works.")
]


@contextmanager
def opened() -> Iterator[tuple[Home, Ledger]]:
    """Open the state folder and its ledger."""
    from rftctl.home import open_home
    from rftctl.ledger import Ledger
    from rftctl.ledger.storage import RECOVER_HINT

    home = open_home()
    with Ledger(home.ledger) as ledger:
        try:
            yield home, ledger
        except typer.Exit as leaving:
            if not ledger.met_damage:
                raise
            # What was shown came from a damaged ledger, so that no script takes it for the whole truth.
            make_terminal(False).say(f"{ledger.damage}; {RECOVER_HINT}", "warning")
            raise typer.Exit(leaving.exit_code or ExitCode.STORAGE) from None


def make_terminal(as_json: bool, quiet: bool = False, form: str = "text") -> Terminal:
    """Make the terminal that a command writes to."""
    from rftctl.report.console import Terminal

    if as_json and form != "text":
        raise UsageError(f"--json and --format {form} are two formats", "choose one")
    return Terminal(as_json=as_json, quiet=quiet, form=form)


def read_overrides(settings: list[str] | None) -> dict[str, str]:
    """Take `--set KEY=VALUE` apart; raises UsageError for anything else."""
    pairs = [setting.partition("=") for setting in settings or ()]
    for key, sign, _ in pairs:
        if not key or not sign:
            raise UsageError(
                f"--set takes KEY=VALUE, not '{key}'", "for example: --set hyperparameters.n_epochs=2"
            )
    return {key: value for key, _, value in pairs}


def consent(yes: bool, question: str) -> Callable[[str], bool]:
    """Make a question that a person at the terminal may answer; `--yes` answers it, any script says no.

    Args:
        question: with `{}` for what it is about.
    """

    def agree(subject: str) -> bool:
        if yes:
            return True
        is_person = sys.stdin.isatty() and sys.stderr.isatty()
        return is_person and typer.confirm(question.format(subject), err=True)

    return agree


def spending_consent(yes: bool) -> Callable[[CostEstimate], bool]:
    """Make the question whether money may be spent: `--yes`, or a person at the terminal."""

    def may_spend(estimate: CostEstimate) -> bool:
        if yes:
            return True
        # A prompt belongs to a person: scripts and CI say --yes or set a budget.
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return False
        return typer.confirm(f"This may cost {estimate.describe()} ({estimate.basis}). Go on?", err=True)

    return may_spend
