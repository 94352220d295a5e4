"""The policy of an invented bank: its tools, its text, and what follows from it for a request.

In: the facts of a request and the limits that the row's prompt states. Out: the calls that the policy asks
for and the verdict. Every limit is the invented bank's own; none is law.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

# Length of an IBAN by country, and the letters and digits after its check digits: n digits, a letters.
IBAN_FORMS = {"DE": "n18", "AT": "n16", "NL": "a4n10", "GB": "a4n14", "PL": "n24", "CH": "n17"}
IBAN_LENGTHS = {"DE": 22, "AT": 20, "NL": 18, "GB": 22, "PL": 28, "CH": 21}

Call = dict[str, Any]


def tool(name: str, description: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Lay out a tool as the chat-completions API takes it."""
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }


NUMBER, TEXT = {"type": "number"}, {"type": "string"}
PATHS = {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}
TOOLS = [
    tool("check_iban", "Check length and check digits of an IBAN.", {"iban": TEXT}),
    tool("cash_report", "File a report on cash.", {"amount": NUMBER, "currency": TEXT}),
    tool("screen_name", "Compare a name with the screening list.", {"name": TEXT}),
    tool("capital_ratio", "CET1 over risk-weighted assets, in millions.", {"cet1": NUMBER, "rwa": NUMBER}),
    tool(
        "exposure_limit", "Exposure over tier 1 capital, in millions.", {"exposure": NUMBER, "tier1": NUMBER}
    ),
    tool(
        "ownership_share",
        "An owner's share. Each path from the owner to the company lists the percentages along it.",
        {"owner": TEXT, "paths": PATHS},
    ),
]


@dataclass(frozen=True)
class Limits:
    """What one row's policy states; shares and ratios in percent, cash in whole units of its currency."""

    cash: int
    currency: str
    ratio: Fraction
    exposure: int
    share: int
    listed: tuple[str, ...]


@dataclass(frozen=True)
class Request:
    """The facts of a request; a part that it does not have is None or empty.

    Attributes:
        screened: a new payee or customer; those already known were screened before.
        cash: today's sums; what was brought on another day is left out.
        loan: the exposure after the loan and the own tier 1 capital.
        capital: CET1 and risk-weighted assets of a bank that is a new customer.
        owners: owner and paths.
    """

    iban: str | None = None
    screened: str | None = None
    cash: tuple[int, ...] = ()
    loan: tuple[int, int] | None = None
    capital: tuple[int, int] | None = None
    owners: tuple[tuple[str, tuple[tuple[int, ...], ...]], ...] = ()


def decide(request: Request, limits: Limits) -> tuple[list[Call], str]:
    """Work out the calls and the verdict: block before report, report before approve."""
    found = [*_checks(request, limits), *_reports(request, limits)]
    verdicts = {verdict for _, verdict in found}
    return [call for call, _ in found], next(v for v in ("block", "report", "approve") if v in verdicts)


def _checks(request: Request, limits: Limits) -> list[tuple[Call, str]]:
    found = []
    if request.iban is not None:
        iban = request.iban.replace(" ", "").upper()
        found.append((_call("check_iban", iban=iban), "approve" if is_iban(iban) else "block"))
    if request.screened is not None:
        is_listed = plain(request.screened) in {plain(name) for name in limits.listed}
        found.append((_call("screen_name", name=request.screened), "block" if is_listed else "approve"))
    if request.loan is not None:
        exposure, tier1 = request.loan
        is_over = Fraction(100 * exposure, tier1) > limits.exposure
        found.append(
            (_call("exposure_limit", exposure=exposure, tier1=tier1), "block" if is_over else "approve")
        )
    if request.capital is not None:
        cet1, rwa = request.capital
        is_low = Fraction(100 * cet1, rwa) < limits.ratio
        found.append((_call("capital_ratio", cet1=cet1, rwa=rwa), "block" if is_low else "approve"))
    return found


def _reports(request: Request, limits: Limits) -> list[tuple[Call, str]]:
    found = []
    total = sum(request.cash)
    if total >= limits.cash:
        found.append((_call("cash_report", amount=total, currency=limits.currency), "report"))
    for owner, paths in request.owners:
        call = _call("ownership_share", owner=owner, paths=[list(path) for path in paths])
        found.append((call, "report" if share_of(paths) >= limits.share else "approve"))
    return found


def _call(name: str, /, **arguments: Any) -> Call:
    return {"name": name, "arguments": arguments}


def share_of(paths: tuple[tuple[int, ...], ...]) -> Fraction:
    """Multiply the percentages along each path and add up the paths, in percent."""
    total = Fraction(0)
    for path in paths:
        part = Fraction(100)
        for percent in path:
            part *= Fraction(percent, 100)
        total += part
    return total


def is_iban(iban: str) -> bool:
    """Check the length for the country and the check digits (ISO 13616; ISO 7064, modulo 97)."""
    if len(iban) != IBAN_LENGTHS[iban[:2]]:
        return False
    remainder = 0
    for character in iban[4:] + iban[:4]:
        for digit in str(int(character, 36)):
            remainder = (10 * remainder + int(digit)) % 97
    return remainder == 1


def plain(name: str) -> tuple[str, ...]:
    """Write a name without accents, case and the order of its words."""
    letters = "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))
    return tuple(sorted(letters.replace(",", " ").casefold().split()))


def policy_text(limits: Limits) -> str:
    """Write the policy with its limits and the screening list, so that nothing needs to be known by heart."""
    lengths = ", ".join(f"{country} {length}" for country, length in IBAN_LENGTHS.items())
    return "\n".join(
        [
            "Policy of the bank:",
            f"- An IBAN that money goes to: check_iban. Wrong length ({lengths}) or wrong check digits"
            " (modulo 97): block.",
            f"- Cash that a customer brings on one day, added up: from {limits.cash:,} {limits.currency} on,"
            " cash_report with the sum, and report. Below: no call.",
            "- A new payee or a new customer: screen_name. On the list, in whatever case, accents or order of"
            " words: block. Known ones: no call.",
            f"- A loan to a bank: exposure_limit with the exposure after the loan. Above {limits.exposure} %:"
            " block.",
            "- A bank that is a new customer: also capital_ratio."
            f" Below {float(limits.ratio):g} %: block. Known ones: no call.",
            "- A company that is a new customer: also ownership_share for each owner."
            f" From {limits.share} % on: report.",
            "- Block goes before report, report before approve.",
            f"Screening list: {'; '.join(limits.listed)}.",
        ]
    )
