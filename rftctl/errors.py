"""Every way rftctl can fail: one exception type, one exit code and one hint each.

In: nothing. Out: `RftctlError` and its children, `ExitCode`.
The command line turns any of these into one `error` line, a `hint` line and the exit code;
anything else that escapes is a bug and exits 70.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rftctl.finding import Finding


class ExitCode(IntEnum):
    """Exit codes of the command line; frozen, since scripts test them (design, section 4)."""

    OK = 0
    NO = 1
    USAGE = 2
    INVALID = 3
    UNGRADABLE = 4
    PROVIDER = 5
    NOT_OFFERED = 6
    BUDGET = 7
    BUSY = 8
    UNKNOWN_OUTCOME = 9
    TIMED_OUT = 10
    STORAGE = 11
    BUG = 70
    INTERRUPTED = 130


class RftctlError(Exception):
    """A failure the user can act on.

    Args:
        message: lower case, subject first, offending value quoted.
        hint: the way out, or "" when there is none.
    """

    exit_code = ExitCode.BUG

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(RftctlError):
    """Options that do not go together, or name nothing that exists."""

    exit_code = ExitCode.USAGE


class InvalidInputError(RftctlError):
    """Spec, data, grader or provider fit is invalid; carries the findings that say where."""

    exit_code = ExitCode.INVALID

    def __init__(self, message: str, hint: str = "", *, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message, hint)
        self.findings = tuple(findings)


class UngradableError(RftctlError):
    """No sample could be graded."""

    exit_code = ExitCode.UNGRADABLE


class ProviderError(RftctlError):
    """The provider refused or was not reached.

    Args:
        status: HTTP status, or None when no reply came.
        code: the provider's own error code, if it gave one.
        is_not_the_api: something answered that does not speak the API.
    """

    exit_code = ExitCode.PROVIDER

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        status: int | None = None,
        code: str | None = None,
        is_not_the_api: bool = False,
    ) -> None:
        super().__init__(message, hint)
        self.status = status
        self.code = code
        self.is_not_the_api = is_not_the_api


class NotOfferedError(RftctlError):
    """This provider, model or installation does not offer what was asked."""

    exit_code = ExitCode.NOT_OFFERED


class BudgetError(RftctlError):
    """The budget, or the missing consent to spend, says no."""

    exit_code = ExitCode.BUDGET


class BusyError(RftctlError):
    """Another process holds this run."""

    exit_code = ExitCode.BUSY


class OutcomeUnknownError(RftctlError):
    """A request was sent and no reply came: resolve before repeating."""

    exit_code = ExitCode.UNKNOWN_OUTCOME


class TimedOutError(RftctlError):
    """The wait ran out; the job itself goes on."""

    exit_code = ExitCode.TIMED_OUT


class StorageError(RftctlError):
    """Local storage failed: disk full, no permission, a corrupt ledger."""

    exit_code = ExitCode.STORAGE
