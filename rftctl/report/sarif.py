"""Findings as SARIF 2.1.0, which code scanning reads.

In: a validation report. Out: one SARIF log: rules with their help from the explained codes, results with
line and column, the fingerprint that a baseline uses, and paths from the repository's root.
Source: OASIS, Static Analysis Results Interchange Format 2.1.0, with errata 01.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote as percent_encode

from rftctl import __version__
from rftctl.errors import UsageError
from rftctl.report.markdown import code_block
from rftctl.report.paths import repository_path
from rftctl.text import one_line, plural, safe

if TYPE_CHECKING:
    from rftctl.commands.explain import Explanation
    from rftctl.commands.quotes import Quote
    from rftctl.commands.validate import ValidationReport
    from rftctl.finding import Finding, Place

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "%SRCROOT%"


def sarif(report: object) -> str:
    """Turn a report into a SARIF log.

    Raises:
        UsageError: this kind of report has no such form.
    """
    if type(report).__name__ != "ValidationReport":
        raise UsageError("this report has no SARIF form", "use --format junit or --json")
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(report)]}  # type: ignore[arg-type]
    return json.dumps(log, indent=2) + "\n"


def _run(report: ValidationReport) -> dict[str, Any]:
    from rftctl.commands.explain import explain

    codes = sorted({finding.code for finding in report.findings})
    levels = {finding.code: str(finding.level) for finding in reversed(report.findings)}
    driver = {
        "name": "rftctl",
        "semanticVersion": __version__,
        "rules": [_rule(explain(code), levels[code]) for code in codes],
    }
    return {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The repository's root."}}},
        "automationDetails": {"id": f"rftctl/validate/{_uri(report.path)}/{report.target or ''}"},
        "invocations": [_invocation(report)],
        "results": [_result(report, finding, codes.index(finding.code)) for finding in report.findings],
    }


def _rule(explanation: Explanation, level: str) -> dict[str, Any]:
    text = f"{explanation.why} Wrong: {explanation.bad} Right: {explanation.good}".strip()
    markdown = f"{explanation.why}\n\nWrong:\n\n{code_block(explanation.bad)}\n\n"
    markdown += f"Right:\n\n{code_block(explanation.good)}\n"
    return {
        "id": explanation.code,
        "shortDescription": {"text": explanation.title},
        "fullDescription": {"text": explanation.why or explanation.title},
        "help": {"text": text, "markdown": markdown},
        "defaultConfiguration": {"level": level},
    }


def _invocation(report: ValidationReport) -> dict[str, Any]:
    notices = [
        {"level": "note", "message": {"text": f"{plural(count, 'more finding')} of {code} not listed."}}
        for code, count in report.left_out.items()
    ]
    failure = report.online.failure if report.online is not None else ""
    if failure:
        notices.append({"level": "error", "message": {"text": safe(failure)}})
    return {
        "executionSuccessful": not failure,
        "exitCode": int(report.exit_code),
        "toolExecutionNotifications": notices,
    }


def _result(report: ValidationReport, finding: Finding, rule_index: int) -> dict[str, Any]:
    hint = f"\nHint: {one_line(finding.hint, limit=400)}" if finding.hint else ""
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rule_index,
        "level": str(finding.level),
        "message": {"text": one_line(finding.message, limit=1000) + hint},
        "locations": [_location(report, finding.place)],
    }
    if finding in report.fingerprints:
        result["partialFingerprints"] = {"rftctlFinding/v1": report.fingerprints[finding]}
    return result


def _location(report: ValidationReport, place: Place) -> dict[str, Any]:
    if place.path.startswith("--set"):
        return {"logicalLocations": [{"name": safe(place.path), "kind": "parameter"}]}
    path = repository_path(place)
    file = {"uri": _uri(str(path)), "uriBaseId": _ROOT} if path else {"uri": _uri(place.path)}
    physical: dict[str, Any] = {"artifactLocation": file}
    if place.line is not None:
        physical |= _regions(place, report.quotes.get(place))
    return {"physicalLocation": physical}


def _regions(place: Place, quote: Quote | None) -> dict[str, Any]:
    """Give the region from the column to the line's end, and the line around it where it is short."""
    region: dict[str, Any] = {"startLine": place.line}
    if place.column is not None:
        region["startColumn"] = place.column
    if quote is None or quote.is_cut_before or quote.is_cut_after:
        return {"region": region}
    region["snippet"] = {"text": safe(quote.after)}
    line = {"startLine": place.line, "snippet": {"text": safe(quote.before + quote.after)}}
    return {"region": region, "contextRegion": line}


def _uri(path: str) -> str:
    return percent_encode(path.replace("\\", "/").encode(errors="replace"), safe="/")
