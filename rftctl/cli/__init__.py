"""The command line: options in, one command call, one render, one exit code.

In: arguments. Out: an exit code (`errors.ExitCode`). Every failure ends in one clear line and a hint.
Everything heavy is imported by the command that needs it, so that `--help` stays quick.
"""

from __future__ import annotations

import os

import typer
from typer.exceptions import TyperException

from rftctl.cli import checking, records, running, starting  # noqa: F401 - their commands register themselves
from rftctl.cli.app import app, silence_stdout
from rftctl.cli.options import make_terminal
from rftctl.errors import ExitCode, RftctlError, UsageError
from rftctl.redaction import guarded_streams, redact


def run_cli(arguments: list[str]) -> int:
    """Run the command line and return its exit code; every failure ends in one clear line, no key in any."""
    with guarded_streams():
        return _run(arguments)


def _run(arguments: list[str]) -> int:
    as_json = "--json" in arguments
    try:
        code = int(app(arguments, standalone_mode=False, prog_name="rftctl") or 0)
        # Typer swallows Ctrl-C and hands back its code alone.
        return _interrupted(as_json) if code == ExitCode.INTERRUPTED else code
    except RftctlError as error:
        make_terminal(as_json).error(error)
        return int(error.exit_code)
    except TyperException as error:
        return _usage_error(error, as_json)
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted(as_json)
    except BrokenPipeError:
        silence_stdout()
        return int(ExitCode.OK)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a bug must not look like an answer
        return _bug(error, as_json)


def _interrupted(as_json: bool) -> int:
    make_terminal(as_json).say("interrupted; a launched job goes on: rftctl watch picks it up", "warning")
    return int(ExitCode.INTERRUPTED)


def _usage_error(error: TyperException, as_json: bool) -> int:
    context = getattr(error, "ctx", None)
    hint = f"{context.command_path} --help" if context else "rftctl --help"
    message = error.format_message()
    if message.startswith("Usage:") and not as_json:
        # Typer's way of saying "no arguments": the help is the answer.
        typer.echo(message, err=True)
        return int(ExitCode.USAGE)
    make_terminal(as_json).error(UsageError(message[:1].lower() + message[1:].rstrip("."), hint))
    return int(ExitCode.USAGE)


def _bug(error: Exception, as_json: bool) -> int:
    import traceback

    from rftctl.home import open_home

    text = "".join(traceback.format_exception(error))
    try:
        where = open_home().path / "last-bug.txt"
        with os.fdopen(
            os.open(where, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w"
        ) as file:
            file.write(redact(text))
        hint = f"please report it with {where}"
    except (RftctlError, OSError):
        hint = "please report it; its trace could not be written anywhere"
    bug = RftctlError(f"this is a bug in rftctl: {type(error).__name__}: {error}", hint)
    make_terminal(as_json).error(bug)
    return int(ExitCode.BUG)
