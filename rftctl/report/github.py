"""Findings and missed cases as GitHub workflow commands, which annotate the lines of a pull request.

In: a report. Out: one `::error file=...::message` a finding, and a `::notice` with the verdict.
Source: GitHub, workflow commands for Actions. Its runner ends a command at a line break, and a property at
`,` or `:`, so that those are escaped; it shows 10 errors and 10 warnings of a step, and the worst come first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rftctl.errors import UsageError
from rftctl.finding import Level
from rftctl.report.findings import group, verdict
from rftctl.report.paths import repository_path
from rftctl.text import one_line, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rftctl.commands.grade import CaseResult, GradeReport
    from rftctl.commands.validate import ValidationReport
    from rftctl.report.findings import Block

_COMMANDS = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}


def github(report: object) -> str:
    """Turn a report into workflow commands, one a line.

    Raises:
        UsageError: this kind of report has no such form.
    """
    make = _MAKERS.get(type(report).__name__)
    if make is None:
        raise UsageError("this report has no form for GitHub", "use --json")
    return "".join(f"{line}\n" for line in make(report))


def command(name: str, message: str, **properties: str | int | None) -> str:
    """Write one workflow command; properties that are None are left out."""
    given = ",".join(f"{k}={_property(str(v))}" for k, v in properties.items() if v is not None)
    return f"::{name}{' ' if given else ''}{given}::{_data(message)}"


def _validation(report: ValidationReport) -> Iterator[str]:
    for block in group(report.findings):
        yield _finding(block)
    for code, count in report.left_out.items():
        yield command("notice", f"{plural(count, 'more finding')} of {code}")
    if report.online is not None and report.online.failure:
        yield command("error", one_line(report.online.failure, limit=1000))
    yield command(
        "notice" if report.exit_code == 0 else "error", verdict(report).plain, title="rftctl validate"
    )


def _finding(block: Block) -> str:
    finding, path = block.first, repository_path(block.first.place)
    lines = [one_line(finding.message, limit=1000)]
    if path is None:
        lines[0] = f"{one_line(str(finding.place))}: {lines[0]}"
    if block.others:
        lines.append(f"the same at {plural(len(block.others), 'more place')}")
    if finding.hint:
        lines.append(f"hint: {one_line(finding.hint, limit=1000)}")
    return command(
        _COMMANDS[finding.level],
        "\n".join(lines),
        file=None if path is None else one_line(str(path), limit=1000),
        line=finding.place.line,
        col=finding.place.column,
        title=finding.code,
    )


def _grading(report: GradeReport) -> Iterator[str]:
    for result in report.results:
        if not result.is_good:
            yield command("error", _missed(result), title=f"case of line {result.line}")
    summary = report.summary
    message = f"{plural(summary.n, 'sample')}, {summary.n_missed} missed, {summary.n_failed} without a reward"
    message += f"; mean reward {summary.mean_reward} is below {report.fail_under}" if report.is_under else ""
    yield command("notice" if report.exit_code == 0 else "error", message, title="rftctl grade")


def _missed(result: CaseResult) -> str:
    what = "; ".join(f"{flag}: {detail}" for flag, detail in result.details.items())
    return one_line(f"reward {result.reward}, expected {result.expected}. {what}", limit=1000)


_MAKERS: dict[str, Callable[..., Iterator[str]]] = {
    "ValidationReport": _validation,
    "GradeReport": _grading,
}


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
