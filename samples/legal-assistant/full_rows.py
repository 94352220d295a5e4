"""The full task: passages of rules, orders or an agreement, a question, the day and passage that answer it.

In: a random generator, a split, a tier, the seed. Out: a row. The period is drawn first and the passages are
written around it, so the answer is right by construction.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from counting import DAY, SATURDAY, Period, due_date, holidays_of, near_dates
from documents import (
    AGREEMENT,
    AMENDED,
    AMENDMENT,
    APPEALS,
    ORDER,
    PERIODS,
    RULE,
    Bundle,
    contract_bundle,
    court_bundle,
)
from matters import (
    CALENDAR,
    CLOSED,
    CONTRACT,
    COURT,
    COURTS,
    EXPIRY,
    HEARING,
    MAILED,
    PARTIES,
    SERVED,
    TRADES,
    Act,
)
from splits import split_of

if TYPE_CHECKING:
    import random

Row = dict[str, Any]
FIRST, LAST = date(2022, 1, 3), date(2029, 11, 30)
COURT_SHARE = 0.6
TWISTS = ("mail", "back", "later", "higher")
HEADINGS = {
    RULE: "LOCAL RULES OF THE DISTRICT COURT OF {court}",
    ORDER: "SCHEDULING ORDER of the District Court, {date}",
    AMENDED: "AMENDED SCHEDULING ORDER of the District Court, {date}",
    APPEALS: "ORDER OF THE COURT OF APPEALS, {date}",
    AGREEMENT: "AGREEMENT of {date}",
    AMENDMENT: "AMENDMENT of {date} to the Agreement",
}
FORMS = {RULE: "Local Rule N.N(x)", AGREEMENT: "Agreement, Section N.N", AMENDMENT: "Amendment, Section N.N"}
ASK = (
    'Answer with JSON only: {{"due": "YYYY-MM-DD", "authority": "..."}}. "authority" is the one passage that '
    "sets the period which controls, cited in the form {forms}."
)


@dataclass(frozen=True, slots=True)
class Matter:
    """What a row asks: an act under a court's papers or an agreement, its period, the closed days."""

    is_court: bool
    twist: str
    act: Act
    period: Period
    closures: tuple[date, ...]

    @property
    def closed(self) -> frozenset[date]:
        """Holidays and closures of all years around the period."""
        years = range(self.period.end.year - 1, self.period.end.year + 2)
        return frozenset(self.closures).union(*map(holidays_of, years))

    @property
    def due(self) -> date:
        """The day that the row asks for."""
        return due_date(self.period, self.closed)


def full_row(rng: random.Random, split: str, tier: int, seed: int) -> Row:
    """Draw matters until one fits its tier and its split, and its prompt does not give the day away."""
    while True:
        matter = draw_matter(rng, tier)
        days = (matter.period.event, matter.due)
        if all(split_of(str(day), seed) == split for day in days) and is_of_tier(matter, tier):
            row = lay_out(rng, split, matter)
            if row is not None:
                return {**row, "tier": tier}


def draw_matter(rng: random.Random, tier: int) -> Matter:
    """Draw an act that the twist can be told of: mail needs service, counting back a hearing or an end."""
    twist = rng.choice(TWISTS) if tier == 4 else "plain"
    is_court = twist == "higher" or rng.random() < COURT_SHARE
    forward, backward = (COURT, HEARING) if is_court else (CONTRACT, EXPIRY)
    acts = backward if twist == "back" else forward
    act = rng.choice([act for act in acts if act.is_served or twist != "mail"])
    period = Period(draw_event(rng), rng.choice(PERIODS), twist == "back", twist == "mail")
    return Matter(is_court, twist, act, period, draw_closures(rng, period, tier))


def draw_event(rng: random.Random) -> date:
    """Draw a weekday."""
    day = FIRST + rng.randrange((LAST - FIRST).days) * DAY
    return day - 2 * DAY if day.weekday() >= SATURDAY else day


def draw_closures(rng: random.Random, period: Period, tier: int) -> tuple[date, ...]:
    """Draw days on which the office is closed besides; half of tier 3 has the last day among them."""
    days = {period.end + rng.randrange(-25, 25) * DAY for _ in range(rng.randrange(3))}
    if tier == 3 and rng.random() < 0.5:
        days.add(period.end)
    held = {day for year in {d.year for d in days} for day in holidays_of(year)}
    return tuple(sorted(d for d in days - held if d.weekday() < SATURDAY and d != period.event))


def is_of_tier(matter: Matter, tier: int) -> bool:
    """Tell whether the end stays (1), leaves a weekend (2), or passes over a listed day (3)."""
    closed = matter.closed
    if matter.period.event in closed:
        return False
    passed = [matter.period.end + n * DAY for n in range((matter.due - matter.period.end).days)]
    over_listed = any(day in closed and day.weekday() < SATURDAY for day in passed)
    return (not passed, bool(passed) and not over_listed, over_listed, True)[tier - 1]


def lay_out(rng: random.Random, split: str, matter: Matter) -> Row | None:
    """Write the prompt; None where it names the day, or where the authority that gives way leads to it."""
    period, due = matter.period, matter.due
    near = near_dates(period, matter.closed)
    calendar = calendar_text([period.event, due, *near], matter.closures)
    lay = court_bundle if matter.is_court else contract_bundle
    bundle = lay(rng, matter.act, period.days, matter.twist, calendar)
    if is_moot(bundle, matter):
        return None
    one, two = draw_parties(rng, split)
    how = MAILED if period.is_mailed else rng.choice(SERVED)
    slots = {"one": one, "two": two, "how": how, "date": written(period.event)}
    documents = documents_text(rng, bundle, min(period.event, due))
    question = f"{matter.act.facts.format(**slots)} {matter.act.question.format(**slots)}"
    ask = ASK.format(forms=" or ".join(form_of(name) for name in bundle.documents))
    prompt = "\n\n".join([title_of(rng, matter, (one, two)), *documents, question, ask])
    if written(due) in prompt or str(due) in prompt:
        return None
    return {
        "messages": [{"role": "user", "content": prompt}],
        "answer": {"due": str(due), "authority": bundle.authority},
        "near": [str(day) for day in near],
        "facts": {
            "parties": sorted((one, two)),
            "event": str(period.event),
            "days": period.days,
            "act": matter.act.name,
            "twist": matter.twist,
            "rejected_days": bundle.rejected_days,
            "closures": [str(day) for day in matter.closures],
        },
    }


def is_moot(bundle: Bundle, matter: Matter) -> bool:
    """Tell whether the authority that gives way leads to the day of the one that controls, or near it."""
    if bundle.rejected_days is None:
        return False
    other = replace(matter.period, days=bundle.rejected_days)
    ends = {due_date(other, matter.closed), *near_dates(other, matter.closed)}
    return bool(ends & {matter.due, *near_dates(matter.period, matter.closed)})


def draw_parties(rng: random.Random, split: str) -> tuple[str, str]:
    """Draw two parties of the split."""
    one, two = rng.sample(PARTIES[split], 2)
    return f"{one} {rng.choice(TRADES)}", f"{two} {rng.choice(TRADES)}"


def title_of(rng: random.Random, matter: Matter, parties: tuple[str, str]) -> str:
    """Write the caption of a case, or the parties of an agreement."""
    one, two = rng.sample(parties, 2)
    if not matter.is_court:
        return f"Between {one} and {two}. Passages:"
    year = min(matter.period.event, matter.due).year % 100
    return f"{one} v. {two}, No. {year}-{rng.randint(101, 989)}. Passages:"


def documents_text(rng: random.Random, bundle: Bundle, before: date) -> list[str]:
    """Write the documents, in any order, each under its heading; an amending one is the later one."""
    first = before - rng.randrange(150, 200) * DAY
    dates: defaultdict[str, date] = defaultdict(lambda: first)
    for later in (AMENDED, AMENDMENT):
        dates[later] = before - rng.randrange(20, 90) * DAY
    dates[APPEALS] = before - rng.choice((rng.randrange(20, 90), rng.randrange(210, 240))) * DAY
    court = rng.choice(COURTS).upper()
    texts = [
        "\n".join(
            [HEADINGS[name].format(court=court, date=written(dates[name])), *(p.line for p in passages)]
        )
        for name, passages in bundle.documents.items()
    ]
    rng.shuffle(texts)
    return texts


def form_of(name: str) -> str:
    """Return how a passage of a document is to be cited."""
    return f'"{FORMS.get(name, f"{name} N")}"'


def calendar_text(days: list[date], closures: tuple[date, ...]) -> str:
    """List the holidays of the years that a count touches, and the closures."""
    years = sorted({day.year for day in (*days, *closures)})
    text = CALENDAR.format(holidays=", ".join(written(day) for year in years for day in holidays_of(year)))
    return text + (CLOSED.format(closures=" and ".join(map(written, closures))) if closures else "")


def written(day: date) -> str:
    """Write a day as an American would."""
    return f"{day:%B} {day.day}, {day.year}"
