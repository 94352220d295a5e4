"""The federal income tax of 2022 to 2024, as far as the rows need it, in whole cents.

In: a household's incomes in dollars. Out: adjusted gross income, taxable income, tax before credits.
Rates and amounts: Rev. Proc. 2021-45, 2022-38 and 2023-34 (US government works).
"""

from __future__ import annotations

from dataclasses import dataclass

RATES = (10, 12, 22, 24, 32, 35, 37)


@dataclass(frozen=True)
class Schedule:
    """One year's amounts for one filing status, in dollars.

    Attributes:
        deduction: the standard deduction.
        tops: the upper end of every bracket but the last, in the order of RATES.
        gain_tops: where long-term gains stop being taxed at 0 %, and at 15 %.
    """

    deduction: int
    tops: tuple[int, ...]
    gain_tops: tuple[int, int]


SCHEDULES = {
    (2022, "single"): Schedule(12950, (10275, 41775, 89075, 170050, 215950, 539900), (41675, 459750)),
    (2022, "joint"): Schedule(25900, (20550, 83550, 178150, 340100, 431900, 647850), (83350, 517200)),
    (2023, "single"): Schedule(13850, (11000, 44725, 95375, 182100, 231250, 578125), (44625, 492300)),
    (2023, "joint"): Schedule(27700, (22000, 89450, 190750, 364200, 462500, 693750), (89250, 553850)),
    (2024, "single"): Schedule(14600, (11600, 47150, 100525, 191950, 243725, 609350), (47025, 518900)),
    (2024, "joint"): Schedule(29200, (23200, 94300, 201050, 383900, 487450, 731200), (94050, 583750)),
}


@dataclass(frozen=True)
class Result:
    """What a return comes to, in dollars; `tax` is rounded half up."""

    agi: int
    taxable_income: int
    tax: int


def work_out(year: int, status: str, *, ordinary: int, gain: int = 0) -> Result:
    """Apply the rate schedule (not the printed Tax Table) with the standard deduction.

    Args:
        ordinary: wages and interest, dollars.
        gain: long-term capital gain, dollars; it is taxed on top of the rest at its own rates.
    """
    schedule = SCHEDULES[year, status]
    agi = ordinary + gain
    taxable = max(0, agi - schedule.deduction)
    taxed_gain = min(gain, taxable)
    cents = ordinary_tax_cents(taxable - taxed_gain, schedule) + gain_tax_cents(taxable, taxed_gain, schedule)
    return Result(agi, taxable, (cents + 50) // 100)


def ordinary_tax_cents(income: int, schedule: Schedule) -> int:
    """Tax ordinary income bracket by bracket; a percent of a dollar is a cent."""
    cents, below = 0, 0
    for rate, top in zip(RATES, (*schedule.tops, income), strict=True):
        cents += rate * max(0, min(income, top) - below)
        below = min(max(below, top), income)
    return cents


def gain_tax_cents(taxable: int, gain: int, schedule: Schedule) -> int:
    """Tax the gain, which fills the uppermost part of taxable income, at 0, 15 and 20 %."""
    zero_top, fifteen_top = schedule.gain_tops
    start = taxable - gain
    at_zero = max(0, min(taxable, zero_top) - start)
    at_fifteen = max(0, min(taxable, fifteen_top) - max(start, zero_top))
    return 15 * at_fifteen + 20 * (gain - at_zero - at_fifteen)
