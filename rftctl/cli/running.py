"""Commands that start, follow and steer a job: launch, watch, evaluate, run, pause, resume, cancel.

In: parsed options. Out: a report on the terminal and its exit code.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rftctl.cli.app import app, perform, runs_app
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
from rftctl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rftctl.commands.updates import Command
    from rftctl.cost import CostEstimate
    from rftctl.home import Home
    from rftctl.ledger import Ledger

AllowOption = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="CODE", help="Let a refusal pass that rests on a date, this time."),
]


@app.command()
def launch(
    spec: Annotated[
        Path, typer.Argument(metavar="SPEC|PLAN", help="The run spec, or a plan that --plan --json made.")
    ],
    target: TargetOption = None,
    settings: SetOption = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show what would be sent and what it may cost; only reads.")
    ] = False,
    again: AgainOption = False,
    yes: YesOption = False,
    allow: AllowOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Start the job, once; a launched spec is found again."""
    terminal, consent = make_terminal(as_json, quiet), spending_consent(yes)
    choice = _LaunchChoice(spec, target, read_overrides(settings), again, tuple(allow or ()))
    with opened() as (home, ledger):
        perform(choice.command(home, ledger, plan, consent), terminal)


@dataclass(frozen=True, slots=True)
class _LaunchChoice:
    """What the options of `launch` say, and the command that they mean."""

    path: Path
    target: str | None
    overrides: dict[str, str]
    again: bool
    allow: tuple[str, ...]

    def command(
        self, home: Home, ledger: Ledger, plan_only: bool, consent: Callable[[CostEstimate], bool]
    ) -> Command[Any]:
        from rftctl.commands.launch import launch_spec
        from rftctl.commands.plan import is_plan, launch_plan, plan_spec

        options: dict[str, Any] = {
            "target": self.target,
            "overrides": self.overrides,
            "again": self.again,
            "allow": self.allow,
        }
        if is_plan(self.path):
            if plan_only or any(options.values()):
                hint = "only --yes goes with a plan; make another plan for anything else"
                raise UsageError(f"plan '{self.path}' says already what is launched", hint)
            return launch_plan(self.path, home, ledger, may_spend=consent)
        if plan_only:
            return plan_spec(self.path, home, ledger, **options)
        return launch_spec(self.path, home, ledger, may_spend=consent, **options)


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
    deployment: Annotated[
        str | None, typer.Option("--deployment", help="Azure: the tuned model's deployment.")
    ] = None,
    base_deployment: Annotated[
        str | None, typer.Option("--base-deployment", help="Azure: the base model's deployment.")
    ] = None,
    outputs: Annotated[
        Path | None,
        typer.Option("--outputs", help="A folder for what both models answered, graded, as cases."),
    ] = None,
    again: AgainOption = False,
    unsafe: UnsafeOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compare the tuned model with its base, held out."""
    from rftctl.commands.evaluate import Deployment, evaluate_ledger_run

    named = Deployment(deployment, base_deployment) if deployment or base_deployment else None
    with opened() as (home, ledger):
        command = evaluate_ledger_run(
            ledger.run(run),
            home,
            ledger,
            checkpoint=checkpoint,
            again=again,
            allow_unsafe=unsafe,
            deployment=named,
            outputs=outputs,
        )
        perform(command, make_terminal(as_json, quiet))


@app.command("run")
def run_spec(
    spec: SpecArgument,
    target: TargetOption = None,
    settings: SetOption = None,
    again: AgainOption = False,
    yes: YesOption = False,
    allow: AllowOption = None,
    unsafe: UnsafeOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """All of it, stopping at the first gate that fails."""
    from rftctl.commands.run import RunOptions, run_pipeline

    consent, overrides = spending_consent(yes), read_overrides(settings)
    options = RunOptions(target, overrides, again, unsafe, may_spend=consent, allow=tuple(allow or ()))
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


@runs_app.command("adopt")
def runs_adopt(
    job: Annotated[str, typer.Argument(metavar="JOB_ID", help="The job, by its provider's id.")],
    provider: Annotated[str | None, typer.Option("--provider", help="Where it runs.")] = None,
    spec: Annotated[
        Path | None, typer.Option("--spec", help="The spec it was made from: rules, grader, held-out rows.")
    ] = None,
    target: TargetOption = None,
    run: Annotated[
        str | None, typer.Option("--run", help="A run of unknown outcome whose job this is.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Take over a job that was started elsewhere."""
    from rftctl.commands.adopt import adopt_job

    with opened() as (home, ledger):
        command = adopt_job(job, home, ledger, provider=provider, spec_path=spec, target=target, run_id=run)
        perform(command, make_terminal(as_json))


@app.command("import")
def import_(
    job: Annotated[str, typer.Argument(metavar="JOB_ID", help="The job, by its provider's id.")],
    out: Annotated[Path, typer.Option("--out", help="The folder to make.")],
    provider: Annotated[str | None, typer.Option("--provider", help="Where it ran.")] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Carry a job home: spec, data, graders, events, results."""
    from rftctl.commands.import_job import import_job

    with opened() as (home, ledger):
        perform(import_job(job, out, home, ledger, provider=provider), make_terminal(as_json, quiet))
