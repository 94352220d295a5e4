"""Reports as JUnit XML, which every CI shows.

In: a report of grade (a report card, a draft or parity included) or of validate. Out: XML text; one test case
per graded output, kind of output or finding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

from rftctl.errors import UsageError
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from rftctl.commands.draft import DraftReport
    from rftctl.commands.grade import GradeReport
    from rftctl.commands.parity import ParityReport
    from rftctl.commands.report_card import ReportCard
    from rftctl.commands.validate import ValidationReport


def junit(report: object) -> str:
    """Turn a report into a JUnit document.

    Raises:
        UsageError: this kind of report has no such form.
    """
    make = _MAKERS.get(type(report).__name__)
    if make is None:
        raise UsageError("this report has no JUnit form", "use --json")
    suite: ElementTree.Element = make(report)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _grade(report: GradeReport) -> ElementTree.Element:
    summary = report.summary
    n_errors = sum(result.reward is None and not result.is_good for result in report.results)
    n_failures = sum(result.reward is not None and not result.is_good for result in report.results)
    suite = _suite(
        "rftctl grade", summary.n, n_failures + report.is_under, n_errors, summary.execution_time_s
    )
    for result in report.results:
        case = _case(suite, report.grader, f"line {result.line}", result.execution_time_s)
        if result.is_good:
            continue
        what = "; ".join(f"{flag}: {detail}" for flag, detail in result.details.items())
        message = f"reward {result.reward}, expected {result.expected}"
        kind = "error" if result.reward is None else "failure"
        ElementTree.SubElement(case, kind, message=_xml(what or message)).text = _xml(result.output)
    if report.is_under:
        case = _case(suite, report.grader, "mean reward", 0.0)
        message = f"mean reward {summary.mean_reward} is below {report.fail_under}"
        ElementTree.SubElement(case, "failure", message=message)
    return suite


def _validation(report: ValidationReport) -> ElementTree.Element:
    suite = _suite("rftctl validate", len(report.findings) or 1, report.n_errors, 0, 0.0)
    if not report.findings:
        _case(suite, report.path, "no findings", 0.0)
    for finding in report.findings:
        case = _case(suite, finding.code, str(finding.place), 0.0)
        if finding.level == "error":
            ElementTree.SubElement(case, "failure", message=_xml(finding.message)).text = _xml(finding.hint)
    return suite


def _card(report: ReportCard) -> ElementTree.Element:
    weak = [family for family in report.families if family.is_weakness and not family.is_good]
    n_failures = len(weak) + (report.exit_code != 0)
    suite = _suite("rftctl grade --report-card", len(report.families) + 1, n_failures, 0, 0.0)
    for family in report.families:
        case = _case(suite, report.grader, family.family, 0.0)
        if family in weak:
            message = f"paid on {family.paid_share:.0%} of {family.n}, mean reward {family.mean_reward}"
            ElementTree.SubElement(case, "failure", message=_xml(message)).text = _xml(family.example)
    verdict = _case(suite, report.grader, "verdict", 0.0)
    if report.exit_code:
        ElementTree.SubElement(verdict, "failure", message=_xml(f"{report.verdict}: {report.reason}"))
    return suite


def _draft(report: DraftReport) -> ElementTree.Element:
    return _card(report.card)


def _parity(report: ParityReport) -> ElementTree.Element:
    n_errors = int(report.n == 0)
    suite = _suite("rftctl grade --parity", report.n + n_errors, len(report.different), n_errors, 0.0)
    for row in report.different:
        case = _case(suite, "parity", f"line {row.line}", 0.0)
        message = f"reward {row.local_reward} here and {row.hosted_reward} there"
        flags = f"flags here: {', '.join(row.local_errors)}; there: {', '.join(row.hosted_errors)}"
        ElementTree.SubElement(case, "failure", message=_xml(message)).text = _xml(flags)
    for number in range(report.n - len(report.different)):
        _case(suite, "parity", f"equal {number + 1}", 0.0)
    if n_errors:
        case = _case(suite, "parity", "cases", 0.0)
        ElementTree.SubElement(case, "error", message="there was no case to compare")
    return suite


_MAKERS: dict[str, Callable[..., ElementTree.Element]] = {
    "DraftReport": _draft,
    "GradeReport": _grade,
    "ParityReport": _parity,
    "ReportCard": _card,
    "ValidationReport": _validation,
}


def _suite(name: str, n: int, n_failures: int, n_errors: int, seconds: float) -> ElementTree.Element:
    attributes = {"name": name, "tests": str(n), "failures": str(n_failures), "errors": str(n_errors)}
    return ElementTree.Element("testsuite", {**attributes, "time": f"{seconds:.3f}"})


def _case(suite: ElementTree.Element, group: str, name: str, seconds: float) -> ElementTree.Element:
    return ElementTree.SubElement(
        suite, "testcase", classname=_xml(group), name=_xml(name), time=f"{seconds:.4f}"
    )


def _xml(text: str) -> str:
    # XML 1.0 has no way at all to write most control characters.
    return one_line(text, limit=2000)
