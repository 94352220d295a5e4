"""Reporters, the years and volumes they ran, the courts that write in them, and how to draw a citation.

In: the tables below, checked against reporters-db and courts-db when the rows are built, and a random
generator. Out: `Citation`s whose reporter, year, volume and court fit together.
"""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

# Years the series ran (narrower than reporters-db where that is open-ended or wrong), its volumes over those
# years, the last page of a typical volume, and who writes in it: a group of COURTS, or "=" and the one court.
SERIES: dict[str, tuple[int, int, int, int, int, str]] = {
    "F.2d": (1935, 1992, 75, 980, 1500, "circuit"),
    "F.3d": (1994, 2020, 12, 980, 1400, "circuit"),
    "F.4th": (2022, 2025, 22, 135, 1350, "circuit"),
    "F. Supp.": (1940, 1987, 30, 675, 1500, "district"),
    "F. Supp. 2d": (1999, 2013, 30, 985, 1400, "district"),
    "F. Supp. 3d": (2015, 2025, 80, 760, 1400, "district"),
    "B.R.": (1980, 2025, 3, 665, 990, "bankruptcy"),
    "Fed. Cl.": (1993, 2025, 27, 175, 850, "=uscfc"),
    "T.C.": (1950, 2024, 14, 163, 1200, "=tax"),
    "U.S.": (1900, 2020, 176, 591, 960, "=scotus"),
    "S. Ct.": (1920, 2023, 40, 143, 2400, "=scotus"),
    "L. Ed. 2d": (1957, 2020, 1, 207, 1100, "=scotus"),
    "A.2d": (1940, 2009, 10, 985, 1300, "atlantic"),
    "A.3d": (2011, 2025, 15, 330, 1280, "atlantic"),
    "N.E.2d": (1938, 2012, 10, 980, 1290, "northeast"),
    "N.E.3d": (2014, 2025, 5, 255, 1250, "northeast"),
    "N.W.2d": (1943, 2022, 8, 985, 960, "northwest"),
    "P.2d": (1935, 1999, 45, 985, 1390, "pacific"),
    "P.3d": (2001, 2025, 15, 565, 1290, "pacific"),
    "S.E.2d": (1941, 2024, 10, 905, 960, "southeast"),
    "So. 2d": (1945, 2007, 20, 975, 1380, "southern"),
    "So. 3d": (2009, 2025, 5, 400, 1350, "southern"),
    "S.W.2d": (1932, 1998, 45, 985, 990, "southwest"),
    "S.W.3d": (2000, 2025, 10, 710, 960, "southwest"),
    "Cal. Rptr.": (1961, 1990, 10, 286, 950, "=cal"),
    "N.Y.S.2d": (1940, 2012, 15, 945, 990, "=ny"),
    "Cal. 3d": (1970, 1990, 2, 54, 1200, "=cal"),
    "Cal. 4th": (1992, 2015, 2, 63, 1350, "=cal"),
    "N.Y.2d": (1957, 2003, 3, 100, 1050, "=ny"),
    "Ill. 2d": (1955, 2010, 5, 242, 620, "=ill"),
    "Mass.": (1900, 2024, 175, 494, 880, "=mass"),
    "Ohio St. 3d": (1992, 2020, 62, 162, 640, "=ohio"),
    "Wash. 2d": (1940, 2022, 3, 200, 990, "=wash"),
    "Mich.": (1900, 2020, 122, 506, 780, "=mich"),
    "N.J.": (1950, 2024, 4, 258, 640, "=nj"),
    "Wis. 2d": (1960, 2022, 9, 404, 880, "=wis"),
    "Or.": (1900, 2024, 37, 372, 780, "=or"),
    "Neb.": (1900, 2024, 60, 317, 1010, "=neb"),
    "Va.": (1900, 2024, 98, 303, 940, "=va"),
    "Cal. App. 4th": (1992, 2015, 2, 246, 1750, "=calctapp"),
    "Mass. App. Ct.": (1975, 2024, 3, 104, 980, "=massappct"),
}
TEST_ONLY_SERIES = frozenset({"So. 3d", "Fed. Cl.", "Wash. 2d", "N.W.2d", "Neb."})
# Series that are cited beside an official one, never alone.
PARALLEL_ONLY = frozenset({"L. Ed. 2d", "Cal. Rptr.", "N.Y.S.2d"})
# Official series -> others that print the same opinion, each where the year allows it.
PARALLELS: dict[str, tuple[str, ...]] = {
    "U.S.": ("S. Ct.", "L. Ed. 2d"),
    "Cal. 3d": ("P.2d", "Cal. Rptr."),
    "Cal. 4th": ("P.2d", "P.3d"),
    "N.Y.2d": ("N.E.2d", "N.Y.S.2d"),
    "Ill. 2d": ("N.E.2d",),
    "Mass.": ("N.E.2d", "N.E.3d"),
    "Ohio St. 3d": ("N.E.2d", "N.E.3d"),
    "Wash. 2d": ("P.2d", "P.3d"),
    "Mich.": ("N.W.2d",),
    "N.J.": ("A.2d", "A.3d"),
    "Wis. 2d": ("N.W.2d",),
    "Or.": ("P.2d", "P.3d"),
    "Neb.": ("N.W.2d",),
    "Va.": ("S.E.2d",),
}

# Ids of courts-db; the abbreviation in the text is its citation_string.
COURTS: dict[str, tuple[str, ...]] = {
    "circuit": ("ca1", "ca2", "ca3", "ca4", "ca5", "ca6", "ca7", "ca8", "ca9", "ca10", "ca11", "cadc"),
    "district": (
        "nysd", "cand", "txsd", "ilnd", "paed", "flsd", "gand", "ohsd", "mied", "vaed", "alnd", "ksd",
    ),
    "bankruptcy": ("deb", "nysb", "txsb", "cacb", "ilnb"),
    "atlantic": ("conn", "del", "me", "nh", "pa", "ri", "vt"),
    "northeast": ("ind", "mass", "ohio", "ill"),
    "northwest": ("iowa", "mich", "minn", "neb", "nd", "sd", "wis"),
    "pacific": ("ariz", "colo", "kan", "mont", "nev", "or", "utah", "wash"),
    "southeast": ("ga", "nc", "sc", "va"),
    "southern": ("ala", "fla", "la", "miss"),
    "southwest": ("ark", "ky", "mo", "tenn", "tex"),
}  # fmt: skip
# Where courts-db writes something that no brief would.
COURT_NAMES = {"ca3": "3d Cir.", "scotus": "U.S.", "ny": "N.Y.", "tax": "T.C."}

# The eleventh circuit was cut out of the fifth in 1981.
ELEVENTH_SINCE = 1982
# District -> the circuit that hears its appeals.
APPEALS = {
    "nysd": "ca2", "cand": "ca9", "txsd": "ca5", "ilnd": "ca7", "paed": "ca3", "flsd": "ca11", "gand": "ca11",
    "ohsd": "ca6", "mied": "ca6", "vaed": "ca4", "alnd": "ca11", "ksd": "ca10",
}  # fmt: skip

# Spellings met in briefs; each must be a variation that reporters-db maps to the series.
VARIANTS: dict[str, tuple[str, ...]] = {
    "F.2d": ("F. 2d", "F 2d"),
    "F.3d": ("F. 3d", "F3d"),
    "F.4th": ("F. 4th", "F4th"),
    "F. Supp.": ("F.Supp.", "F Supp"),
    "F. Supp. 2d": ("F.Supp.2d", "F. Supp.2d"),
    "F. Supp. 3d": ("F.Supp.3d", "F.Supp. 3d"),
    "U.S.": ("U. S.", "US"),
    "S. Ct.": ("S.Ct.", "S Ct"),
    "L. Ed. 2d": ("L.Ed.2d", "L. Ed.2d"),
    "A.2d": ("A. 2d", "A2d"),
    "A.3d": ("A. 3d",),
    "N.E.2d": ("N. E. 2d", "NE2d"),
    "N.E.3d": ("N. E. 3d", "NE3d"),
    "N.W.2d": ("N. W. 2d", "N.W. 2d"),
    "P.2d": ("P. 2d", "P 2d"),
    "P.3d": ("P. 3d", "P3d"),
    "S.E.2d": ("S. E. 2d", "S.E. 2d"),
    "So. 3d": ("So.3d",),
    "S.W.2d": ("S. W. 2d", "S.W. 2d"),
    "S.W.3d": ("S. W. 3d", "S.W. 3d"),
    "Cal. Rptr.": ("Cal.Rptr.",),
    "N.Y.S.2d": ("N.Y.S. 2d", "NYS2d"),
    "Cal. 3d": ("Cal.3d",),
    "Cal. 4th": ("Cal.4th",),
    "N.Y.2d": ("N.Y. 2d", "NY2d"),
    "Ill. 2d": ("Ill.2d",),
    "Ohio St. 3d": ("Ohio St.3d",),
    "Wash. 2d": ("Wash.2d", "Wn.2d"),
    "Wis. 2d": ("Wis.2d",),
    "Cal. App. 4th": ("Cal.App.4th",),
    "Mass. App. Ct.": ("Mass.App.Ct.",),
}

# Invented parties; a likeness to a reported case is chance.
PARTIES: dict[str, tuple[str, ...]] = {
    "train": (
        "Alder", "Ashgrove", "Barlow", "Beckwith", "Birchall", "Bramwell", "Calloway", "Carrick", "Colby",
        "Danforth", "Drummond", "Eastman", "Ellery", "Fairbank", "Farrow", "Gadsby", "Garrick", "Halden",
        "Harkness", "Ingram", "Jessup", "Kendrick", "Lambeth", "Larkin", "Marlowe", "Merriam", "Norwood",
        "Oakley", "Pemberton", "Quimby", "Redfern", "Sedgwick", "Thackeray", "Upshaw", "Vickers", "Wexford",
        "Bluewater Shipping Co.", "Cedar Mills, Inc.", "Dunmore Savings Bank", "Granite State Lumber Co.",
        "Iron Range Supply Co.", "Lakeview School District", "Orion Freight Lines", "Sterling Glass Works",
    ),
    "validation": (
        "Abernathy", "Blackmore", "Chilton", "Dearborn", "Everhart", "Fenwick", "Goddard", "Hollis",
        "Kirkland", "Lockwood", "Maddox", "Osgood", "Pruitt", "Rutledge", "Summerlin",
        "Amber Valley Dairy", "Kestrel Airways, Inc.", "Pine County Hospital", "Tidewater Cannery Co.",
    ),
    "test": (
        "Ackerly", "Bellamy", "Crowther", "Delafield", "Eldridge", "Fothergill", "Grantham", "Hathaway",
        "Ives", "Jernigan", "Kimbrough", "Langford", "Mayhew", "Nesbitt", "Ormsby", "Prescott",
        "Ransom", "Stroud", "Tillman", "Underhill", "Wainwright", "Yardley",
        "Bayou Gas & Light Co.", "Copper Hill Mining Co.", "Falcon Steel Corp.", "Harbor Point Marina",
        "Meridian Casualty Co.", "Prairie Telephone Co.", "Silver Creek Township", "Westmoor College",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Citation:
    """One case citation: its parts, the reporter in its standard form, the court and the parties.

    Attributes:
        court: the court's abbreviation, whether or not the citation prints it.
        named: whether the reporter does not tell the court, so that the citation prints it.
    """

    volume: str
    reporter: str
    page: str
    year: str
    court: str
    named: bool
    parties: tuple[str, str]

    @property
    def case(self) -> str:
        """The name of the case."""
        return " v. ".join(self.parties)

    @property
    def plain(self) -> str:
        """Volume, reporter and page, as a table of authorities has them."""
        return f"{self.volume} {self.reporter} {self.page}"


def draw_citation(
    rng: random.Random, split: str, parties: tuple[str, str], among: frozenset[str] | None = None
) -> Citation:
    """Draw a citation whose reporter, year, volume and court fit together.

    Args:
        among: series to draw from; all of the split by default.
    """
    usable = [name for name in SERIES if name not in PARALLEL_ONLY and (among is None or name in among)]
    reporter = rng.choice([name for name in usable if split == "test" or name not in TEST_ONLY_SERIES])
    first_year, last_year, *_rest, group = SERIES[reporter]
    is_named = not group.startswith("=")
    year = rng.randint(first_year, last_year)
    court = sitting(rng.choice(COURTS[group]), year) if is_named else group[1:]
    return placed(rng, reporter, year, court_names()[court], parties, is_named=is_named)


def draw_appeal(rng: random.Random, citation: Citation) -> Citation | None:
    """Draw the decision on appeal from a district court, within three years; None where nothing fits."""
    ids = {name: court for court, name in court_names().items()}
    year = int(citation.year) + rng.randint(1, 3)
    reporters = [name for name in ("F.2d", "F.3d", "F.4th") if SERIES[name][0] <= year <= SERIES[name][1]]
    if not reporters or ids[citation.court] not in APPEALS:
        return None
    circuit = court_names()[sitting(APPEALS[ids[citation.court]], year)]
    return placed(rng, rng.choice(reporters), year, circuit, citation.parties, is_named=True)


def sitting(court: str, year: int) -> str:
    """Return the court that heard such appeals in this year."""
    return "ca5" if court == "ca11" and year < ELEVENTH_SINCE else court


def placed(
    rng: random.Random, reporter: str, year: int, court: str, parties: tuple[str, str], *, is_named: bool
) -> Citation:
    """Draw volume and page of an opinion of this year in this reporter."""
    first_year, last_year, first_volume, last_volume, last_page, _ = SERIES[reporter]
    progress = (year - first_year + rng.random()) / (last_year - first_year + 1)
    volume = round(first_volume + progress * (last_volume - first_volume))
    page = rng.randint(3, last_page)
    return Citation(str(volume), reporter, str(page), str(year), court, is_named, parties)


def draw_parallels(rng: random.Random, citation: Citation, split: str) -> list[Citation]:
    """Draw where else the opinion is printed; empty where nothing else was then."""
    year = int(citation.year)
    return [
        placed(rng, name, year, citation.court, citation.parties, is_named=False)
        for name in PARALLELS.get(citation.reporter, ())
        if SERIES[name][0] <= year <= SERIES[name][1] and (split == "test" or name not in TEST_ONLY_SERIES)
    ]


@functools.cache
def court_names() -> dict[str, str]:
    """Look up the abbreviation of every court that the tables name."""
    from courts_db import courts

    names = {court["id"]: court["citation_string"] for court in courts} | COURT_NAMES
    wanted = {court_id for group in COURTS.values() for court_id in group}
    wanted |= {row[-1][1:] for row in SERIES.values() if row[-1].startswith("=")}
    missing = sorted(court_id for court_id in wanted if not names.get(court_id))
    if missing:
        sys.exit(f"courts-db has no abbreviation for {missing}")
    return {court_id: names[court_id] for court_id in wanted}


def check_tables() -> None:
    """Check SERIES and VARIANTS against reporters-db: editions, their years, their spellings."""
    editions = _editions()
    for name, (first_year, last_year, *_rest) in SERIES.items():
        fitting = [v for start, end, v in editions.get(name, []) if start <= first_year and last_year <= end]
        if not fitting:
            sys.exit(f"reporters-db has no {name!r} that ran from {first_year} to {last_year}")
        for spelling in VARIANTS.get(name, ()):
            if not any(variations.get(spelling) == name for variations in fitting):
                sys.exit(f"reporters-db does not know {spelling!r} as a spelling of {name!r}")


def _editions() -> dict[str, list[tuple[int, int, dict[str, str]]]]:
    from reporters_db import REPORTERS

    editions: dict[str, list[tuple[int, int, dict[str, str]]]] = {}
    for reporters in REPORTERS.values():
        for reporter in reporters:
            for name, dates in reporter["editions"].items():
                start = dates["start"].year if dates["start"] else 9999
                end = dates["end"].year if dates["end"] else 9999
                editions.setdefault(name, []).append((start, end, reporter["variations"]))
    return editions
