"""Compare the due dates with the `holidays` package, which did not help to make them.

In: holidays in an environment of its own, see README.md. Out: how many rows agree; one that differs is named.
Only the period, its event, its twist and the closures are taken from the row: the calendar is the package's.
Run: python samples/legal-assistant/crosscheck.py
"""

from __future__ import annotations

import json
import re
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

MAIL_DAYS = 3
WRITTEN = re.compile(r"[A-Z][a-z]+ \d{1,2}, 20\d\d")


def main() -> int:
    """Check the day of every row of the full task, and the days that its prompt lists."""
    import holidays

    bad = n = 0
    for split in ("train", "validation", "test"):
        for line in (Path(__file__).parent / f"{split}.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            closures = {date.fromisoformat(day) for day in row["facts"]["closures"]}
            federal = holidays.UnitedStates(years=range(2021, 2032))
            listed = listed_days(row)
            kept = {day for day in federal if day.weekday() < 5 and day.year in {d.year for d in listed}}
            office = holidays.HolidayBase(years=range(2021, 2032))
            office.update(dict.fromkeys(kept | closures, "closed"))
            found = last_day(row["facts"], office)
            n += 1
            if str(found) != row["answer"]["due"] or listed != kept | closures:
                bad += 1
                print(
                    split,
                    row["answer"],
                    "found",
                    found,
                    "listed otherwise",
                    sorted(listed ^ (kept | closures)),
                )
    print(f"{n} rows, {bad} differ from holidays {holidays.__version__}")
    return 1 if bad else 0


def listed_days(row: dict[str, Any]) -> set[date]:
    """Read the listed days and the closures off the prompt."""
    prompt = row["messages"][0]["content"]
    line = next(line for line in prompt.splitlines() if "The listed days are" in line)
    return {datetime.strptime(text, "%B %d, %Y").date() for text in WRITTEN.findall(line)}


def last_day(facts: dict[str, Any], office: Any) -> date:
    """Count with the package's own working days."""
    event, days = date.fromisoformat(facts["event"]), timedelta(days=facts["days"])
    if facts["twist"] == "back":
        return office.get_nth_working_day(event - days + timedelta(days=1), -1)
    due = office.get_nth_working_day(event + days, 0)
    if facts["twist"] == "mail":
        due = office.get_nth_working_day(due + timedelta(days=MAIL_DAYS), 0)
    return due


if __name__ == "__main__":
    sys.exit(main())
