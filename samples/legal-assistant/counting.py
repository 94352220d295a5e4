"""Count a period of days to its last day, over the holidays of a calendar.

In: the day of an event, a number of days, a direction, the days on which the office is closed. Out: the due
date, and the dates at which a count ends that is right but for the rule that moves its end. Standard library
only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

MAIL_DAYS = 3
DAY = timedelta(days=1)
SATURDAY = 5
# Month, weekday (Monday 0), which one of the month; -1 is the last one.
BY_WEEKDAY = ((1, 0, 3), (2, 0, 3), (5, 0, -1), (9, 0, 1), (10, 0, 2), (11, 3, 4))
BY_DATE = ((1, 1), (6, 19), (7, 4), (11, 11), (12, 25))


@dataclass(frozen=True, slots=True)
class Period:
    """A period: its event, its days, whether it runs back from the event, whether mail adds days."""

    event: date
    days: int
    is_backward: bool = False
    is_mailed: bool = False

    @property
    def end(self) -> date:
        """The last day of the plain count."""
        return self.event + self.days * (-DAY if self.is_backward else DAY)


def due_date(period: Period, closed: frozenset[date]) -> date:
    """Return the last day on which the act is in time.

    The plain count first, moved to an open day; then the days that mail adds, moved again.
    """
    step = -DAY if period.is_backward else DAY
    due = open_day(period.end, step, closed)
    return open_day(due + MAIL_DAYS * DAY, step, closed) if period.is_mailed else due


def near_dates(period: Period, closed: frozenset[date]) -> list[date]:
    """Return the ends of counts that leave out a step of the moving, or take its steps in another order."""
    due = due_date(period, closed)
    ends = {period.end, due_date(Period(period.event, period.days, period.is_backward), closed)}
    if period.is_mailed:
        late = period.end + MAIL_DAYS * DAY
        ends |= {late, open_day(late, DAY, closed)}
    return sorted(ends - {due})


def open_day(day: date, step: timedelta, closed: frozenset[date]) -> date:
    """Go on from a day, in steps, to one that is no Saturday, Sunday or closed day."""
    while day.weekday() >= SATURDAY or day in closed:
        day += step
    return day


@cache
def holidays_of(year: int) -> tuple[date, ...]:
    """Return the eleven holidays as kept: one on a Saturday on the Friday, on a Sunday on the Monday."""
    kept = [nth_weekday(year, *rule) for rule in BY_WEEKDAY]
    for month, number in BY_DATE:
        for of_year in (year, year + 1):
            day = kept_on(date(of_year, month, number))
            if day.year == year:
                kept.append(day)
    return tuple(sorted(kept))


def kept_on(day: date) -> date:
    """Move a holiday that falls on a weekend to the weekday beside it."""
    return day + {SATURDAY: -DAY, SATURDAY + 1: DAY}.get(day.weekday(), timedelta())


def nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    """Return the nth such weekday of a month, or its last one for -1."""
    days = [date(year, month, 1) + n * DAY for n in range(31)]
    found = [day for day in days if day.month == month and day.weekday() == weekday]
    return found[nth - 1 if nth > 0 else nth]
