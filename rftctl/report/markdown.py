"""Reports as Markdown, for a job's summary page (`>> $GITHUB_STEP_SUMMARY`) or a comment.

In: a report. Out: a heading, the verdict and a table. All text is escaped: a row of a dataset can neither
break the table, nor make a link, an image or a tag, nor call a person by @name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rftctl.errors import UsageError
from rftctl.report.cells import number
from rftctl.report.findings import group, verdict
from rftctl.text import one_line, plural, safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rftctl.commands.grade import GradeReport
    from rftctl.commands.validate import ValidationReport
    from rftctl.report.findings import Block

_SPECIAL = re.compile(r"[\\`*_\[\]<>#!|~$&]")
_MAX_ROWS = 200
"""Rows of a table; a summary page takes 1 MiB."""


def markdown(report: object) -> str:
    """Turn a report into a Markdown document.

    Raises:
        UsageError: this kind of report has no such form.
    """
    make = _MAKERS.get(type(report).__name__)
    if make is None:
        raise UsageError("this report has no Markdown form", "use --json")
    return "\n".join(make(report)) + "\n"


def escape(text: str, *, limit: int = 400) -> str:
    """Make text plain on one line: no markup, no tags, no table borders, no mentions, no bare links."""
    escaped = _SPECIAL.sub(lambda match: f"&#{ord(match.group())};", one_line(text, limit=limit))
    # Mentions, issue links and bare URLs are made of these; an entity shows the sign and links nothing.
    return escaped.replace("@", "&#64;").replace("://", "&#58;//").replace("www.", "www&#46;")


def code_block(text: str) -> str:
    """Put text into a fenced block that it cannot close."""
    longest = max((len(ticks) for ticks in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{safe(text)}\n{fence}"


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    names = list(columns)
    yield f"| {' | '.join(names)} |"
    yield f"| {' | '.join('---' for _ in names)} |"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _validation(report: ValidationReport) -> Iterator[str]:
    sign = "✅" if report.exit_code == 0 else "❌"
    yield f"### {sign} rftctl validate {escape(report.path)}"
    yield ""
    yield escape(verdict(report).plain)
    blocks = group(report.findings)
    if blocks:
        yield ""
        yield from _table(("level", "code", "place", "finding"), map(_finding, blocks[:_MAX_ROWS]))
    n_more = sum(report.left_out.values()) + len(blocks[_MAX_ROWS:])
    if n_more:
        yield ""
        yield f"and {plural(n_more, 'more finding')}"
    if report.online is not None and report.online.failure:
        yield ""
        yield f"**{escape(report.online.failure)}**"


def _finding(block: Block) -> tuple[str, ...]:
    finding = block.first
    others = f" and {plural(len(block.others), 'more place')}" if block.others else ""
    hint = f"<br>{escape(finding.hint)}" if finding.hint else ""
    place = escape(str(finding.place)) + others
    return str(finding.level), finding.code, place, escape(finding.message) + hint


def _grading(report: GradeReport) -> Iterator[str]:
    summary, sign = report.summary, "✅" if report.exit_code == 0 else "❌"
    yield f"### {sign} rftctl grade {escape(report.grader)}"
    yield ""
    yield (
        f"{plural(summary.n, 'sample')}, {summary.n_missed} missed, {summary.n_failed} without a reward; "
        f"mean reward {number(summary.mean_reward)}"
        + (f", below {report.fail_under:g}" if report.is_under else "")
    )
    missed = [result for result in report.results if not result.is_good]
    if missed:
        rows = (
            (
                str(result.line),
                number(result.reward),
                escape(str(result.expected)),
                escape("; ".join(f"{flag}: {detail}" for flag, detail in result.details.items())),
            )
            for result in missed[:_MAX_ROWS]
        )
        yield ""
        yield from _table(("line", "reward", "expected", "what happened"), rows)
    if len(missed) > _MAX_ROWS:
        yield ""
        yield f"and {len(missed) - _MAX_ROWS:,} more"


_MAKERS: dict[str, Callable[..., Iterator[str]]] = {
    "ValidationReport": _validation,
    "GradeReport": _grading,
}
