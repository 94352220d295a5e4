"""The corpus: court and reporter records of courts-db and reporters-db (Free Law Project, BSD-2-Clause).

In: the two packages' own data files, at build time only. Out: `Record`s, a few sentences each, with ids that
say nothing about what they hold. Dates are the packages' own; nobody checked them against the law.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from importlib import resources
from typing import TYPE_CHECKING, Any

from search import words

if TYPE_CHECKING:
    import random

N_COURTS, N_SERIES = 220, 200
# reporters-db writes 1750 where it does not know when a series begins.
UNKNOWN_START = "1750"
LONGEST_NAME = 60


@dataclass(frozen=True)
class Record:
    """A court or a series of reports.

    Attributes:
        cite: how it is cited; empty where the source does not say.
        start, end: years; empty where the source does not say.
        before, after: citation forms of the neighbouring series; empty for courts.
        family: what must stay in one split: the series of one reporter, or the court itself.
    """

    id: str
    kind: str
    name: str
    cite: str
    start: str
    end: str
    before: str
    after: str
    family: str
    about: str

    @property
    def title(self) -> str:
        """What a result list shows: for a court its name, for a series its citation form too."""
        return self.name if self.kind == "court" else f"{self.name} ({self.cite})"

    @property
    def text(self) -> str:
        """What opening the record shows."""
        said = [f"{self.title}.", self.about]
        said += [f"Cited as: {self.cite}"] if self.kind == "court" and self.cite else []
        said += [f"First year: {self.start or 'not recorded'}.", f"Last year: {self.end or 'not recorded'}."]
        said += [f"Preceded by: {self.before}"] if self.before else []
        said += [f"Followed by: {self.after}"] if self.after else []
        return " ".join(said)

    def row(self) -> dict[str, Any]:
        """Return the record as corpus.jsonl holds it."""
        return {"id": self.id, "kind": self.kind, "title": self.title, "text": self.text}


def cut_corpus(rng: random.Random) -> list[Record]:
    """Draw the corpus and number it in random order."""
    chained, single = _series()
    courts = rng.sample(_courts(), N_COURTS)
    drawn = [*courts, *chained, *rng.sample(single, N_SERIES - len(chained))]
    rng.shuffle(drawn)
    return [replace(record, id=f"d{n:03d}") for n, record in enumerate(drawn, 1)]


def _courts() -> list[Record]:
    found: dict[frozenset[str], list[Record]] = {}
    for court in _read("courts_db", "courts.json"):
        dates = court.get("dates") or []
        name = court["name"].strip().removeprefix("The ")
        if len(dates) != 1 or not _is_plain(name) or not (dates[0]["start"] or dates[0]["end"]):
            continue
        place, system = court.get("location") or "", court.get("system") or ""
        about = f"Place: {place or 'not recorded'}. System: {system or 'not recorded'}."
        cite = court.get("citation_string") or ""
        record = Record(
            id="",
            kind="court",
            name=name,
            cite=cite if cite.isascii() else "",
            start=(dates[0]["start"] or "")[:4],
            end=(dates[0]["end"] or "")[:4],
            before="",
            after="",
            family=court["id"],
            about=about,
        )
        found.setdefault(frozenset(words(name)), []).append(record)
    # Two courts of the same words could not be told apart by a question.
    return [records[0] for records in found.values() if len(records) == 1]


def _series() -> tuple[list[Record], list[Record]]:
    """Return the series that have a neighbour in their own reporter, and those that stand alone."""
    chained, single = [], []
    names: dict[str, int] = {}
    reporters = [entry for entries in _read("reporters_db", "reporters.json").values() for entry in entries]
    for reporter in reporters:
        names[reporter["name"]] = names.get(reporter["name"], 0) + 1
    for reporter in reporters:
        name = reporter["name"].strip()
        if names[reporter["name"]] > 1 or not _is_plain(name):
            continue
        chain = _chain(reporter)
        (chained if len(chain) > 1 else single).extend(chain)
    return chained, [record for record in single if record.end]


def _chain(reporter: dict[str, Any]) -> list[Record]:
    """Lay out a reporter's series in order; those that begin together have no order and end the chain."""
    years = [((d["start"] or "")[:4], (d["end"] or "")[:4], cite) for cite, d in reporter["editions"].items()]
    dated = [edition for edition in years if edition[0] not in ("", UNKNOWN_START)]
    ordered: list[tuple[str, str, str]] = []
    for edition in sorted(dated, key=lambda edition: edition[0]):
        if ordered and edition[0] == ordered[-1][0]:
            break
        ordered.append(edition)
    cites = ["", *(cite for _, _, cite in ordered), ""]
    kind = reporter["cite_type"].replace("_", " ")
    return [
        Record(
            id="",
            kind="series",
            name=reporter["name"].strip(),
            cite=cite,
            start=start,
            end=end,
            before=cites[n],
            after=cites[n + 2],
            family=reporter["name"],
            about=f"Series of {kind} reports.",
        )
        for n, (start, end, cite) in enumerate(ordered)
        if len(dated) == 1 or len(ordered) > 1
    ]


def _is_plain(name: str) -> bool:
    return name.isascii() and '"' not in name and len(name) <= LONGEST_NAME


def _read(package: str, file: str) -> Any:
    return json.loads(resources.files(package).joinpath("data", file).read_text("utf-8"))
